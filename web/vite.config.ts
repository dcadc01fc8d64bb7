import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

export default defineConfig({
  // Relative addresses: the app is served from wherever its bucket is.
  base: "./",
  plugins: [react()],
  build: { target: "es2022" },
  test: { environment: "jsdom", setupFiles: "./vitest.setup.ts", testTimeout: 30_000 },
});
