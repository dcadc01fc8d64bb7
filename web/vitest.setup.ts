import { configure } from "@testing-library/dom";

// Machines that are busy take their time.
configure({ asyncUtilTimeout: 10_000 });
