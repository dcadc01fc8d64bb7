import { fireEvent, render, screen, waitFor } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import { ChangesProvider } from "../changes";
import { Connecting } from "../data";
import { list, SESSION, serve, show, startFresh } from "../pages/testing";
import { filenameOf } from "./Plant";
import { Team } from "./Team";

startFresh();

const TOTALS = { uploading: 1, waiting: 1200, approved: 30, disapproved: 4 };
const ANN = {
  reviewer: "Ann",
  verdicts: 41,
  approved: 30,
  disapproved: 4,
  unsure: 7,
  verdicts_per_minute: 21.6,
  second_opinions: 8,
  agreement: 0.75,
  planted: 10,
  accuracy: 0.9,
};
const nobody = { "GET /review/stats": () => ({ ...TOTALS, reviewers: [] }), "GET /snapshots": () => list([]) };
const cells = () =>
  [...document.querySelectorAll("tbody tr")].map((row) => [...row.children].map((it) => it.textContent));

test("each reviewer has a row with speed, agreement and accuracy, and what is not known yet is a dash", async () => {
  const ben = {
    ...ANN,
    reviewer: "Ben",
    verdicts: 1,
    unsure: 1,
    verdicts_per_minute: null,
    agreement: null,
    accuracy: null,
  };
  serve({ ...nobody, "GET /review/stats": () => ({ ...TOTALS, reviewers: [ANN, ben] }) });
  show(<Team />);
  await screen.findByRole("table", { name: "Reviewers" });
  expect(cells()).toEqual([
    ["Ann", "41", "22", "7", "75% of 8", "90% of 10"],
    ["Ben", "1", "–", "1", "–", "–"],
  ]);
  expect(screen.getByText("In the queue").nextSibling!.textContent).toBe("1,200");
});

test("without reviewers the page says what it is for", async () => {
  serve(nobody);
  show(<Team />);
  await waitFor(() => expect(screen.getByText(/Nobody has reviewed yet/)).toBeTruthy());
  expect(screen.queryByRole("table")).toBeNull();
});

/** Fill in the form for a picture with a known answer, and send it. */
async function plant(): Promise<void> {
  await screen.findByText(/Nobody has reviewed yet/);
  const type = (label: RegExp, value: string) => fireEvent.change(screen.getByLabelText(label), { target: { value } });
  type(/Id of the product/, "tea");
  type(/Address of the picture/, "https://photos.test/a/shelf%201.jpg?w=9");
  type(/right answer/, "disapproved");
  fireEvent.submit(screen.getByRole("form", { name: /Plant a picture/, hidden: true }));
}

test("a picture is planted with its answer under the name in its address, and never into a gallery", async () => {
  const writes = serve({
    ...nobody,
    "POST /snapshots": () => ({ results: [{ snapshot_id: "s", status: "created" }] }),
  });
  show(<Team />);
  await plant();
  expect(await screen.findByText("shelf 1.jpg is planted")).toBeTruthy();
  const [method, path, ...body] = writes[0]!.split(" ");
  expect([method, path]).toEqual(["POST", "/snapshots"]);
  expect(JSON.parse(body.join(" "))).toEqual({
    snapshots: [
      {
        product_id: "tea",
        filename: "shelf 1.jpg",
        known_answer: "disapproved",
        url: "https://photos.test/a/shelf%201.jpg?w=9",
      },
    ],
  });
  expect(screen.getByLabelText<HTMLInputElement>(/Address of the picture/).value).toBe("");
});

test("a file is planted under its own name, and put where the answer says", async () => {
  const put: unknown[] = [];
  class Put {
    status = 200;
    upload = {};
    onload = () => {};
    open = (...sent: unknown[]) => put.push(...sent);
    setRequestHeader = (...sent: unknown[]) => put.push(...sent);
    send(sent: File) {
      put.push(sent.name);
      setTimeout(() => this.onload());
    }
  }
  vi.stubGlobal("XMLHttpRequest", Put);
  const upload = { method: "PUT", url: "http://bucket.test/s", headers: { "Content-Type": "image/jpeg" } };
  const writes = serve({
    ...nobody,
    "POST /snapshots": () => ({ results: [{ snapshot_id: "s", status: "created", upload }] }),
  });
  show(<Team />);
  await screen.findByText(/Nobody has reviewed yet/);
  const file = new File(["12345"], "box.jpg", { type: "image/jpeg" });
  fireEvent.change(screen.getByLabelText(/picture file/), { target: { files: [file] } });
  fireEvent.change(screen.getByLabelText(/Id of the product/), { target: { value: "tea" } });
  fireEvent.submit(screen.getByRole("form", { name: /Plant a picture/, hidden: true }));
  expect(await screen.findByText("box.jpg is planted")).toBeTruthy();
  const planted = { product_id: "tea", filename: "box.jpg", known_answer: "approved", upload: true, size: 5 };
  expect(writes).toEqual([`POST /snapshots ${JSON.stringify({ snapshots: [planted] })}`]);
  expect(put).toEqual(["PUT", "http://bucket.test/s", "Content-Type", "image/jpeg", "box.jpg"]);
});

test("a picture that is refused stays in the form, with the reason", async () => {
  const detail = "There is no product tea. Create it first.";
  serve({ ...nobody, "POST /snapshots": () => ({ results: [{ snapshot_id: "s", status: "rejected", detail }] }) });
  show(<Team />);
  await plant();
  expect(await screen.findByText(detail)).toBeTruthy();
  expect(screen.queryByText(/is planted/)).toBeNull();
  expect(screen.getByLabelText<HTMLInputElement>(/Address of the picture/).value).not.toBe("");
});

test.each([
  ["https://photos.test/", ""],
  ["not an address", ""],
  ["https://photos.test/100%.jpg", "100%.jpg"],
  ["https://photos.test/a%2Fb.jpg", "a-b.jpg"],
])("the file name in %s is %s", (address, filename) => {
  expect(filenameOf(address)).toBe(filename);
});

test("a disagreement is settled by whoever is neither of the two", async () => {
  const opinion = (reviewer: string, decision: string, reason: string | null = null) => ({
    reviewer,
    decision,
    reason,
  });
  const disputed = (snapshot_id: string, ...opinions: unknown[]) => ({
    snapshot_id,
    product_id: "tea",
    filename: `${snapshot_id}.jpg`,
    image_url: "data:,",
    renditions: null,
    opinions,
  });
  const asked: (string | null)[] = [];
  serve({
    ...nobody,
    "GET /snapshots": ({ query }) => {
      asked.push(query.get("status"));
      return list([
        disputed("a b", opinion("Ben", "approved"), opinion("Cid", "disapproved", "Cut off or covered")),
        disputed("own", opinion("Ann", "unsure"), opinion("Ben", "approved"), opinion("Cid", "disapproved", "No")),
      ]);
    },
  });
  render(
    <Connecting session={{ ...SESSION, reviewer: "Ann" }}>
      <ChangesProvider>
        <Team />
      </ChangesProvider>
    </Connecting>,
  );
  await screen.findByRole("table", { name: "To settle" });
  expect(cells()).toEqual([
    ["a b.jpg", "tea", "Ben approvedCid disapproved: Cut off or covered", "Settle"],
    ["own.jpg", "tea", "Ann was unsureBen approvedCid disapproved: No", "You gave an opinion"],
  ]);
  expect(asked[0]).toBe("disputed");
  expect(screen.getByRole("link", { name: "Settle a b.jpg" }).getAttribute("href")).toBe("#/review?snapshot=a%20b");
});
