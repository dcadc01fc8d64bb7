/** localStorage that never throws, and stores nothing without the shopper's consent. */

const PREFIX = "vitrine.";

export class Storage {
  private readonly local_ = usable();
  private agreed_: boolean;
  private optedOut_ = false;

  constructor(private readonly needsConsent_: boolean) {
    const decided = this.read_("consent");
    this.agreed_ = decided === "1" || (!needsConsent_ && decided !== "0");
  }

  /** Whether storing is possible and allowed now. Global Privacy Control overrides consent. */
  get allowed(): boolean {
    const isPrivate = (navigator as { globalPrivacyControl?: boolean }).globalPrivacyControl;
    return !!this.local_ && this.agreed_ && !isPrivate && !this.optedOut;
  }

  /** Whether the shopper has opted out of counting; read each time, since another tab may have changed it. */
  get optedOut(): boolean {
    return this.optedOut_ || this.read_("optout") === "1";
  }

  /** Store the shopper's decision; a refusal deletes everything that was stored. */
  consent(given: boolean): void {
    this.agreed_ = given;
    this.optedOut_ = false;
    if (given) {
      this.remove("optout");
      this.set("consent", "1");
      return;
    }
    this.clear_();
    if (!this.needsConsent_) this.write_("consent", "0");
  }

  optOut(): void {
    this.clear_();
    this.agreed_ = false;
    this.optedOut_ = true;
    this.write_("optout", "1");
  }

  get(name: string): string | null {
    return this.allowed ? this.read_(name) : null;
  }

  set(name: string, value: string): void {
    if (this.allowed) this.write_(name, value);
  }

  remove(name: string): void {
    this.local_?.removeItem(PREFIX + name);
  }

  /** Names that begin with `start`, without the common prefix. */
  names(start: string): string[] {
    return this.allowed ? this.stored_(start) : [];
  }

  private stored_(start: string): string[] {
    const names = this.local_ ? Object.keys(this.local_) : [];
    return names.filter((name) => name.startsWith(PREFIX + start)).map((name) => name.slice(PREFIX.length));
  }

  private read_(name: string): string | null {
    return this.local_?.getItem(PREFIX + name) ?? null;
  }

  private write_(name: string, value: string): void {
    try {
      this.local_?.setItem(PREFIX + name, value);
    } catch {
      // Full: the event stays in memory.
    }
  }

  private clear_(): void {
    for (const name of this.stored_("")) this.remove(name);
  }
}

function usable(): globalThis.Storage | null {
  try {
    const probe = `${PREFIX}probe`;
    localStorage.setItem(probe, "1");
    localStorage.removeItem(probe);
    return localStorage;
  } catch {
    return null;
  }
}

/** 22 characters of base64url: 132 random bits. */
export function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(22)), (byte) => ALPHABET[byte & 63]).join("");
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
