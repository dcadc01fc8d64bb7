import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { loadSession } from "./api";
import "./style.css";

const session = await loadSession();
createRoot(document.getElementById("app")!).render(
  <StrictMode>
    <App loaded={session} />
  </StrictMode>,
);
