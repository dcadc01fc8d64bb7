import { screen, waitFor } from "@testing-library/react";
import { expect, test } from "vitest";
import { serve, show, startFresh } from "../pages/testing";
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
  serve({ "GET /review/stats": () => ({ ...TOTALS, reviewers: [ANN, ben] }) });
  show(<Team />);
  await screen.findByRole("table", { name: "Reviewers" });
  expect(cells()).toEqual([
    ["Ann", "41", "22", "7", "75% of 8", "90% of 10"],
    ["Ben", "1", "–", "1", "–", "–"],
  ]);
  expect(screen.getByText("In the queue").nextSibling!.textContent).toBe("1,200");
});

test("without reviewers the page says what it is for", async () => {
  serve({ "GET /review/stats": () => ({ ...TOTALS, reviewers: [] }) });
  show(<Team />);
  await waitFor(() => expect(screen.getByText(/Nobody has reviewed yet/)).toBeTruthy());
  expect(screen.queryByRole("table")).toBeNull();
});
