import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { loadSession, readDeployed } from "./api";
import { showPreferred } from "./language";
import "./style.css";

const [deployed] = await Promise.all([readDeployed(), showPreferred()]);
const session = loadSession(deployed);
createRoot(document.getElementById("app")!).render(
  <StrictMode>
    <App loaded={session} />
  </StrictMode>,
);
