import { ApiError, type Schema } from "./api";

/** Puts the file where it is to go, and tells how many bytes are there. */
export function put(upload: Schema<"UploadResponse">, file: File, sent: (bytes: number) => void): Promise<void> {
  return new Promise((done, failed) => {
    const lost = (detail: string, status = 0) => failed(new ApiError(status, detail));
    const request = new XMLHttpRequest();
    request.open(upload.method, upload.url);
    for (const [name, value] of Object.entries(upload.headers))
      if (name !== "Content-Length") request.setRequestHeader(name, String(value)); // the browser sets it
    request.upload.onprogress = ({ loaded }) => sent(loaded);
    request.onload = () =>
      request.status < 300 ? done() : lost(`The file was not taken: ${request.status}. Try again.`, request.status);
    request.onerror = () => lost("The file did not arrive. Check the connection and try again.");
    request.send(file);
  });
}
