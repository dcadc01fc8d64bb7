/** localStorage that never throws, and holds nothing while the shopper has not agreed to it. */

const PREFIX = "vitrine.";

export class Storage {
  private readonly local_: globalThis.Storage | null;
  /** Whether something may be stored now. */
  allowed: boolean;

  constructor(needsConsent: boolean) {
    this.local_ = usable();
    const isPrivate = (navigator as { globalPrivacyControl?: boolean }).globalPrivacyControl;
    this.allowed = !isPrivate && !this.optedOut && (!needsConsent || this.flag_("consent"));
  }

  get optedOut(): boolean {
    return this.flag_("optout");
  }

  /** Remember the shopper's decision; withdrawing it removes everything that was stored. */
  consent(given: boolean): void {
    this.allowed = given;
    if (given) this.set("consent", "1");
    else this.clear_();
  }

  optOut(): void {
    this.consent(false);
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
    if (!this.allowed) return [];
    const found = [];
    for (let at = 0; at < (this.local_?.length ?? 0); at++) {
      const name = this.local_!.key(at)!;
      if (name.startsWith(PREFIX + start)) found.push(name.slice(PREFIX.length));
    }
    return found;
  }

  private flag_(name: string): boolean {
    return this.read_(name) === "1";
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
    this.allowed = true;
    for (const name of this.names("")) this.remove(name);
    this.allowed = false;
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
