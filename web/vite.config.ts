import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// Relative addresses: the app is served from wherever its bucket is.
export default defineConfig({ base: "./", plugins: [react()], build: { target: "es2022" } });
