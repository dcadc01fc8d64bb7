import { onlineManager, QueryClientProvider, useQuery } from "@tanstack/react-query";
import { act, cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { ApiError } from "./api";
import { ChangesProvider, useChanges, usePending } from "./changes";
import { makeQueryClient } from "./data";
import { seeded } from "./seeded";

afterEach(() => {
  vi.useRealTimers();
  cleanup();
  onlineManager.setOnline(true);
});

/** Thrown after the server has taken a change: its answer is lost. */
const LOST = new ApiError(0, "No answer.");

/** A server that holds one name. */
class Server {
  name = "old";
  taken: string[] = [];
  delay = 5;

  constructor(private readonly faults: Error[]) {}

  put = (name: string) => async () => {
    await new Promise((resume) => setTimeout(resume, this.delay));
    const fault = this.faults.shift();
    if (fault && fault !== LOST) throw fault;
    this.name = name;
    this.taken.push(name);
    if (fault) throw fault;
  };
}

const isName = (shows: unknown): shows is string => typeof shows === "string";

/** A page that shows the server's name and changes it. */
function Page({ server }: { server: Server }) {
  const { change } = useChanges();
  const { data } = useQuery({ queryKey: ["get", "/name"], queryFn: () => server.name });
  const name = usePending(isName).at(-1) ?? data;
  const rename = (to: string) =>
    change({
      said: `It is ${to}`,
      send: server.put(to),
      undo: server.put(name ?? ""),
      about: ["/name"],
      shows: to,
      showsUndone: name,
    });
  return (
    <>
      <output>{name}</output>
      <input aria-label="Text" />
      <button type="button" onClick={() => rename("new")}>
        Rename
      </button>
      <button type="button" onClick={() => rename("newer")}>
        Again
      </button>
    </>
  );
}

function shown(faults: Error[] = []): Server {
  const server = new Server(faults);
  render(
    <QueryClientProvider client={makeQueryClient()}>
      <ChangesProvider>
        <Page server={server} />
      </ChangesProvider>
    </QueryClientProvider>,
  );
  return server;
}
const press = (name: string) => fireEvent.click(screen.getByRole("button", { name }));
const name = () => document.querySelector("output")?.textContent;

test("a change shows before it is taken, and stays", async () => {
  const server = shown();
  server.delay = 500;
  await waitFor(() => expect(name()).toBe("old"));
  press("Rename");
  await waitFor(() => expect(name()).toBe("new"));
  expect(server.name).toBe("old");
  await waitFor(() => expect(server.name).toBe("new"));
  expect(name()).toBe("new");
});

test("an undo follows the change that it takes back", async () => {
  const server = shown();
  await waitFor(() => expect(name()).toBe("old"));
  press("Rename");
  press("Undo");
  await waitFor(() => expect(name()).toBe("old"));
  await waitFor(() => expect(server.taken).toEqual(["new", "old"]));
  expect(name()).toBe("old");
});

test("Ctrl Z undoes the last change once, and leaves text fields their own undo", async () => {
  const server = shown();
  await waitFor(() => expect(name()).toBe("old"));
  press("Rename");
  fireEvent.keyDown(screen.getByLabelText("Text"), { key: "z", ctrlKey: true });
  fireEvent.keyDown(document.body, { key: "z", ctrlKey: true });
  fireEvent.keyDown(document.body, { key: "z", ctrlKey: true });
  await waitFor(() => expect(server.taken).toEqual(["new", "old"]));
});

test("without a connection changes and their undo wait in order", async () => {
  const server = shown();
  await waitFor(() => expect(name()).toBe("old"));
  act(() => onlineManager.setOnline(false));
  press("Rename");
  press("Again");
  press("Undo");
  await waitFor(() => expect(screen.getByText(/Offline: 3 unsent/)).toBeTruthy());
  expect(name()).toBe("old");
  expect(server.taken).toEqual([]);
  act(() => onlineManager.setOnline(true));
  await waitFor(() => expect(server.taken).toEqual(["new", "newer", "old"]));
});

test("a change is sent again while it may still succeed", async () => {
  const server = shown([new ApiError(503, "Busy."), new ApiError(0, "No answer.")]);
  await waitFor(() => expect(name()).toBe("old"));
  press("Rename");
  await waitFor(() => expect(server.taken).toEqual(["new"]), { timeout: 3_000 });
});

test("a change that is refused is told, and the page shows what stands", async () => {
  const server = shown([new ApiError(422, "Too long.")]);
  await waitFor(() => expect(name()).toBe("old"));
  press("Rename");
  await waitFor(() => expect(screen.getByRole("alert").textContent).toContain("Failed: It is new. Too long."));
  expect(name()).toBe("old");
  expect(server.taken).toEqual([]);
});

test.each(Array.from({ length: 20 }, (_, seed) => seed))(
  "the server ends with what the person did last, whatever fails on the way (seed %i)",
  async (seed) => {
    vi.useFakeTimers();
    const random = seeded(seed);
    const faults: Error[] = [];
    const server = shown(faults);
    await act(() => vi.advanceTimersByTimeAsync(100));
    let expected = "old";
    let before = "old";
    for (let step = 0; step < 12; step++) {
      if (random() < 0.3) faults.push(random() < 0.5 ? LOST : new ApiError(503, "Busy."));
      if (random() < 0.15) act(() => onlineManager.setOnline(!onlineManager.isOnline()));
      const undo = screen.queryByRole("button", { name: "Undo" });
      if (undo && random() < 0.4) {
        expected = before;
        fireEvent.click(undo);
      } else {
        before = name()!;
        expected = random() < 0.5 ? "new" : "newer";
        press(expected === "new" ? "Rename" : "Again");
      }
      await act(() => vi.advanceTimersByTimeAsync(random() * 600));
      expect(name()).toBe(expected);
    }
    act(() => onlineManager.setOnline(true));
    await act(() => vi.advanceTimersByTimeAsync(120_000));
    expect(server.name).toBe(expected);
    expect(name()).toBe(expected);
  },
);
