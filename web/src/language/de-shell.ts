// German: what is read around all pages.

import type { Shell } from ".";
import type { Formats } from "./formats";

export const shell = ({ counted }: Formats): Shell => ({
  titles: {
    overview: "Übersicht",
    review: "Prüfung",
    team: "Prüfteam",
    gallery: "Galerie",
    search: "Suche",
    recommendations: "Für Sie",
    products: "Produkte",
    imports: "Importe",
    jobs: "Filialbesuche",
    logs: "Protokolle",
    keys: "Schlüssel",
  },
  app: {
    skip: "Zum Inhalt springen",
    menu: "Menü",
    pages: "Seiten",
    key: "Schlüssel",
    enterKey: "Schlüssel eingeben",
    needsSecretKey: (page) => `„${page}“ braucht einen geheimen Schlüssel. <a>Schlüssel eingeben</a>`,
    loading: "Wird geladen …",
  },
  changes: {
    failed: (said, why) => `Fehlgeschlagen: ${said}. ${why}`,
    undone: (said) => `Rückgängig gemacht: ${said}`,
    undo: "Rückgängig",
    close: "Schließen",
    offline: (unsent) =>
      `Offline: ${counted(unsent, { one: "Änderung wird", other: "Änderungen werden" })} gesendet, sobald Sie wieder online sind.`,
  },
  api: {
    silent: "Die API antwortet nicht. Prüfen Sie die Verbindung und die Adresse.",
    responded: (status) => `Die API antwortete mit ${status}.`,
    replaceKey: (given, stored) =>
      `Der geöffnete Link enthält den Schlüssel ${given}. Möchten Sie ihn statt Ihres Schlüssels ${stored} verwenden?`,
  },
});
