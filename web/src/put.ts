import { ApiError, type Schema } from "./api";
import { t } from "./language";

/** Puts the file where it is to go, and tells how many bytes are there. */
export function put(upload: Schema<"UploadResponse">, file: File, sent: (bytes: number) => void): Promise<void> {
  return new Promise((done, failed) => {
    const lost = (detail: string, status = 0) => failed(new ApiError(status, detail));
    const request = new XMLHttpRequest();
    request.open(upload.method, upload.url);
    for (const [name, value] of Object.entries(upload.headers))
      if (name !== "Content-Length") request.setRequestHeader(name, String(value)); // the browser sets it
    request.upload.onprogress = ({ loaded }) => sent(loaded);
    request.onload = () => (request.status < 300 ? done() : lost(t.put.refused(request.status), request.status));
    request.onerror = () => lost(t.put.lost);
    request.send(file);
  });
}
