import { useDeferredValue, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import type { PageProps } from "../App";
import { useAddress } from "../address";
import { isTyping, useAskToStay } from "../changes";
import { IDLE_MS, useApi, useConnection } from "../data";
import { format, t } from "../language";
import { Bar, Dialog, Picture } from "../parts";
import { type Claimed, type Decision, Desk, REASON_KEYS, REASONS, sizesOf, type View } from "./desk";

type Product = Claimed["product"];
const title = (product: Product) => product.name ?? product.product_id;

export function Review({ session, change }: PageProps) {
  return session.reviewer ? <Reviewing reviewer={session.reviewer} /> : <AskName session={session} change={change} />;
}

function AskName({ session, change }: PageProps) {
  const [name, setName] = useState("");
  return (
    <form
      className="card narrow"
      onSubmit={(event) => {
        event.preventDefault();
        if (name.trim()) change({ ...session, reviewer: name.trim() });
      }}
    >
      <h1>{t.review.who}</h1>
      <label>
        {t.review.name}
        {/* biome-ignore lint/a11y/noAutofocus: the only field of a page that was asked for */}
        <input value={name} onChange={(event) => setName(event.target.value)} required maxLength={64} autoFocus />
        <small>{t.review.nameHint}</small>
      </label>
      <button type="submit" className="primary">
        {t.review.start}
      </button>
    </form>
  );
}

/** So many characters of a key tell the desk of one shop from that of another. */
const KEY_END = 6;

function Reviewing({ reviewer }: { reviewer: string }) {
  const { api, session } = useConnection();
  const { client } = api;
  const desk = useMemo(() => {
    const name = `vitrine.review ${session.apiUrl} ${session.key.slice(-KEY_END)} ${reviewer}`;
    return new Desk(client, session.apiUrl, reviewer, {
      read: () => sessionStorage.getItem(name),
      write: (kept) => sessionStorage.setItem(name, kept),
    });
  }, [client, session.apiUrl, session.key, reviewer]);
  const { asked, ask } = useAddress();
  const settled = asked.get("snapshot");
  const only = asked.get("product");
  useEffect(() => desk.limitTo(only), [desk, only]);
  useEffect(() => {
    if (!settled) return;
    desk.settle(settled);
    ask({ snapshot: null }, { typing: true });
  }, [desk, settled, ask]);
  useEffect(() => desk.open(), [desk]);
  const view = useSyncExternalStore(desk.subscribe, desk.view);
  useAskToStay(view.sending > 0);
  const [showsKeys, setShowsKeys] = useState(false);
  const [isEnlarged, setIsEnlarged] = useState(false);
  const [flash, setFlash] = useState<{ decision: Decision; at: number } | null>(null);

  const decide = (decision: Decision, reason?: string) => {
    if (view.introduced || !view.current) return;
    setIsEnlarged(false);
    setFlash({ decision, at: Date.now() });
    desk.decide(decision, reason);
  };

  const skip = () => {
    setIsEnlarged(false);
    desk.skip();
  };

  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
      if (isTyping(event.target)) return;
      const onButton = event.target instanceof HTMLButtonElement;
      const act = new Map([
        ["arrowleft", () => decide("approved")],
        ["arrowright", () => decide("disapproved")],
        ["arrowdown", () => decide("unsure")],
        ["u", () => desk.undo()],
        ["s", skip],
        ["x", () => desk.dismiss()],
        ...Object.entries(REASONS).map(([key, reason]) => [key, () => decide("disapproved", reason)] as const),
        ["z", () => setIsEnlarged((shown) => !shown)],
        ["?", () => setShowsKeys((shown) => !shown)],
        [
          "escape",
          () => {
            setShowsKeys(false);
            setIsEnlarged(false);
          },
        ],
      ]);
      if (view.introduced && !onButton) {
        act.set("enter", () => desk.acknowledge());
        act.set(" ", () => desk.acknowledge());
      }
      const chosen = act.get(event.key.toLowerCase());
      if (chosen) {
        event.preventDefault();
        chosen();
      }
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  });

  const done = view.approved + view.disapproved + view.unsure;
  return (
    <section className="review" aria-label={t.review.title}>
      <h1 className="unseen">{t.review.title}</h1>
      <ProductChoice chosen={only} choose={(product_id) => ask({ product: product_id })} />
      <div className="figures">
        <Figure name={t.review.done} value={format.count(done)} />
        <Figure name={t.review.approved} value={format.count(view.approved)} tone="good" />
        <Figure name={t.review.disapproved} value={format.count(view.disapproved)} tone="bad" />
        <Figure name={t.review.unsure} value={format.count(view.unsure)} />
        <Figure name={t.review.perMinute} value={format.count(view.perMinute)} />
        <Figure name={t.review.waiting} value={view.waiting === null ? "–" : format.count(view.waiting)} />
        <Figure name={t.review.sending} value={format.count(view.sending)} />
        {view.latest.length > 0 && <Latest of={view.latest} />}
      </div>
      <Bar
        done={view.approved}
        failed={view.disapproved}
        of={view.approved + view.disapproved + (view.waiting ?? 0)}
        label={t.review.progress}
      />
      <p className="unseen" role="status">
        {spoken(view.introduced, view.current)}
      </p>
      {view.notice && (
        <p className="notice" role="alert">
          {view.notice}
        </p>
      )}
      {view.refusals.length > 0 && <Refusals of={view.refusals} dismiss={() => desk.dismiss()} />}
      {!view.current ? (
        <div className="card done">
          <h2>{!view.exhausted ? t.review.fetching : view.waiting ? t.review.nothingForYou : t.review.nothingWaits}</h2>
          {view.exhausted && only && <p>{t.review.noneOfProduct(only)}</p>}
          {view.exhausted && !only && !!view.waiting && <p>{t.review.withOthers(view.waiting)}</p>}
          {view.exhausted && view.heldUntil && <p>{t.review.heldUntil(format.clock(view.heldUntil))}</p>}
          {view.exhausted && <p>{t.review.appear}</p>}
        </div>
      ) : view.introduced ? (
        <FirstLook key={view.introduced.product_id} product={view.introduced} ready={() => desk.acknowledge()} />
      ) : (
        <div className="desk">
          <figure className="snapshot" key={view.current.snapshot_id}>
            <button
              type="button"
              title={t.review.showOriginal}
              onClick={() => setIsEnlarged(true)}
              aria-haspopup="dialog"
            >
              <Picture
                url={view.current.image_url}
                renditions={view.current.renditions}
                sizes={sizesOf(view.current)}
                alt={t.review.saidToShow(view.current.filename, title(view.current.product))}
              />
            </button>
            <figcaption>{view.current.filename}</figcaption>
          </figure>
          <aside>
            <h2>{title(view.current.product)}</h2>
            <Pictures product={view.current.product} />
          </aside>
        </div>
      )}
      {flash && <div key={flash.at} className={`flash ${flash.decision}`} aria-hidden="true" />}
      <fieldset className="toolbar reasons" disabled={!view.current || !!view.introduced}>
        <legend className="unseen">{t.review.withReason}</legend>
        {REASON_KEYS.map((key) => (
          <button key={key} type="button" onClick={() => decide("disapproved", REASONS[key])}>
            <kbd>{key}</kbd> {t.review.reasons[key]}
          </button>
        ))}
      </fieldset>
      <div className="actions">
        <button
          type="button"
          className="approve"
          onClick={() => decide("approved")}
          disabled={!view.current || !!view.introduced}
        >
          <kbd>←</kbd> {t.review.approve}
        </button>
        <button type="button" onClick={() => desk.undo()} disabled={!view.undoable}>
          <kbd>U</kbd> {t.review.undo}
        </button>
        <button type="button" onClick={skip} disabled={!view.skippable}>
          <kbd>S</kbd> {t.review.skip}
        </button>
        <button
          type="button"
          title={t.review.pass}
          onClick={() => decide("unsure")}
          disabled={!view.current || !!view.introduced}
        >
          <kbd>↓</kbd> {t.review.unsure}
        </button>
        <button type="button" onClick={() => setShowsKeys(true)} aria-haspopup="dialog">
          <kbd>?</kbd> {t.review.keys}
        </button>
        <button
          type="button"
          className="disapprove"
          onClick={() => decide("disapproved")}
          disabled={!view.current || !!view.introduced}
        >
          {t.review.disapprove} <kbd>→</kbd>
        </button>
      </div>
      {isEnlarged && view.current && !view.introduced && (
        <Original of={view.current} close={() => setIsEnlarged(false)} />
      )}
      {showsKeys && <KeyHelp close={() => setShowsKeys(false)} />}
    </section>
  );
}

const SIGNS: Record<Decision, string> = { approved: "✓", disapproved: "✗", unsure: "?" };

/** The latest verdicts, newest first: what undo takes back is at the left. */
function Latest({ of: latest }: { of: View["latest"] }) {
  return (
    <ol className="latest" aria-label={t.review.latest}>
      {latest.map(({ item, decision }) => (
        <li key={item.snapshot_id} className={decision} title={item.filename}>
          <Picture
            url={item.image_url}
            renditions={item.renditions}
            sizes="3rem"
            alt={`${item.filename}: ${t.review[decision]}`}
          />
          <span aria-hidden="true">{SIGNS[decision]}</span>
        </li>
      ))}
    </ol>
  );
}

const REFUSALS_SHOWN = 5;

/** What the server did not take, newest last. */
function Refusals({ of: refusals, dismiss }: { of: View["refusals"]; dismiss: () => void }) {
  const earlier = refusals.length - REFUSALS_SHOWN;
  return (
    <div className="problem refusals">
      <div role="alert" aria-atomic={false}>
        {earlier > 0 && <p>{t.review.earlierRefusals(earlier)}</p>}
        <ul>
          {refusals.slice(-REFUSALS_SHOWN).map(({ number, text }) => (
            <li key={number}>{text}</li>
          ))}
        </ul>
      </div>
      <button type="button" onClick={dismiss}>
        <kbd>X</kbd> {t.review.dismiss}
      </button>
    </div>
  );
}

const IS_ID = /^[A-Za-z0-9._~:-]{1,128}$/;

/** The product to review alone, of those whose snapshots wait, or of any. It is found by the first letters of its id. */
function ProductChoice({ chosen, choose }: { chosen: string | null; choose: (product_id: string) => void }) {
  const [typed, setTyped] = useState(chosen ?? "");
  useEffect(() => setTyped(chosen ?? ""), [chosen]);
  const prefix = useDeferredValue(typed.trim());
  const query = { limit: 100, ...(prefix && { prefix }) };
  const options = { refetchInterval: IDLE_MS, enabled: !prefix || IS_ID.test(prefix) };
  const products = useApi().useQuery("get", "/review/products", { params: { query } }, options);
  const open = products.data?.items.filter((product) => product.waiting) ?? [];
  return (
    <label className="inline">
      {t.review.product}
      <input
        type="search"
        list="products-that-wait"
        value={typed}
        placeholder={t.parts.all}
        maxLength={128}
        onChange={(event) => {
          setTyped(event.target.value);
          if (isWhole(event.nativeEvent)) event.target.blur();
        }}
        onKeyDown={(event) => event.key === "Enter" && event.currentTarget.blur()}
        // Without the focus, arrow keys are verdicts again.
        onBlur={(event) => choose(event.target.value.trim())}
      />
      <datalist id="products-that-wait">
        {open.map((product) => (
          <option key={product.product_id} value={product.product_id}>
            {t.review.productWaits(product.waiting)}
          </option>
        ))}
      </datalist>
    </label>
  );
}

/** Whether an option was taken or the field cleared, and not a letter typed. */
function isWhole(event: Event): boolean {
  const { inputType } = event as InputEvent;
  return !inputType || inputType === "insertReplacementText";
}

function spoken(introduced: Product | null, current: Claimed | null): string {
  if (introduced) return t.review.introduces(title(introduced));
  return current ? t.review.asks(current.filename, title(current.product)) : "";
}

function Figure({ name, value, tone }: { name: string; value: string; tone?: string }) {
  return (
    <div className={`figure ${tone ?? ""}`}>
      <b>{value}</b>
      <span>{name}</span>
    </div>
  );
}

function FirstLook({ product, ready }: { product: Product; ready: () => void }) {
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => button.current?.focus(), []);
  return (
    <div className="card first-look">
      <p>{t.review.anotherProduct}</p>
      <h2>{title(product)}</h2>
      <Pictures product={product} />
      <button type="button" ref={button} className="primary" onClick={ready}>
        <kbd>Enter</kbd> {t.review.looked}
      </button>
    </div>
  );
}

function Pictures({ product }: { product: Product }) {
  if (!product.pictures.length) return <p className="empty">{t.review.noPicture}</p>;
  return (
    <div className="pictures">
      {product.pictures.map((url, at) => (
        <Picture
          key={url}
          url={url}
          renditions={product.renditions[at] ?? null}
          sizes="16rem"
          alt={t.review.pictureOf(title(product), at + 1, product.pictures.length)}
        />
      ))}
    </div>
  );
}

const LARGEST_ZOOM = 8;

/** The original, to zoom by the wheel, by keys and buttons, and to move by dragging or scrolling. */
function Original({ of, close }: { of: Claimed; close: () => void }) {
  const frame = useRef<HTMLElement>(null);
  const zoom = useRef(1);

  /** Zoom so that what is at `x`, `y` of the frame stays there; its middle, unless given. */
  function zoomBy(factor: number, x?: number, y?: number) {
    const box = frame.current!;
    const wanted = Math.min(LARGEST_ZOOM, Math.max(1, zoom.current * factor));
    const grown = wanted / zoom.current;
    const [left, top] = [x ?? box.clientWidth / 2, y ?? box.clientHeight / 2];
    zoom.current = wanted;
    box.style.setProperty("--zoom", String(wanted));
    box.scrollTo({ left: (box.scrollLeft + left) * grown - left, top: (box.scrollTop + top) * grown - top });
  }
  useEffect(() => {
    const box = frame.current!;
    const wheeled = (event: WheelEvent) => {
      event.preventDefault();
      const { left, top } = box.getBoundingClientRect();
      zoomBy(1.002 ** -event.deltaY, event.clientX - left, event.clientY - top);
    };
    const pressed = (event: KeyboardEvent) => {
      const factor = { "+": 1.5, "=": 1.5, "-": 1 / 1.5, "0": 1 / LARGEST_ZOOM }[event.key];
      if (factor) zoomBy(factor);
    };
    box.addEventListener("wheel", wheeled, { passive: false });
    addEventListener("keydown", pressed);
    return () => {
      box.removeEventListener("wheel", wheeled);
      removeEventListener("keydown", pressed);
    };
  });
  return (
    <Dialog label={t.review.originalOf(of.filename)} close={close}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section className="zoomable" ref={frame} aria-label={t.review.picture} tabIndex={0}>
        <img
          src={of.image_url}
          alt={t.review.inFull(of.filename)}
          draggable={false}
          onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
          onPointerMove={(event) => {
            if (event.pointerType !== "touch" && event.buttons === 1)
              frame.current!.scrollBy(-event.movementX, -event.movementY);
          }}
        />
      </section>
      <div className="buttons">
        <button type="button" onClick={() => zoomBy(1.5)}>
          <kbd>+</kbd> {t.review.larger}
        </button>
        <button type="button" onClick={() => zoomBy(1 / 1.5)}>
          <kbd>−</kbd> {t.review.smaller}
        </button>
        <button type="button" className="primary" onClick={close}>
          {t.review.close}
        </button>
      </div>
    </Dialog>
  );
}

function KeyHelp({ close }: { close: () => void }) {
  const { help } = t.review;
  const keys = [
    ["←", help.approve],
    ["→", help.disapprove],
    ["↓", help.unsure],
    ["U", help.undo],
    [t.review.helpReasonKeys, help.reason(Object.values(t.review.reasons).join(", "))],
    ["S", help.skip],
    ["X", help.dismiss],
    ["Z", help.original],
    ["+ − 0", help.zoom],
    ["Enter", help.goOn],
    ["?", help.keys],
  ];
  return (
    <Dialog label={t.review.keys} close={close}>
      <h2>{t.review.keys}</h2>
      <dl>
        {keys.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <button type="button" className="primary" onClick={close}>
        {t.review.close}
      </button>
    </Dialog>
  );
}
