import { useState } from "react";
import type { Session } from "../api";
import { useAnswer } from "../hooks";
import { Empty, Problem } from "../parts";

interface Recommended {
  product_id: string;
  score: number;
  reason: { strategy: string; because: string[] };
  product: { name: string; category?: string | null; brand?: string | null; price?: number | string | null; currency?: string | null; image_url?: string | null };
}
interface Answer {
  items: Recommended[];
  generated_at: string;
  cached: boolean;
}

interface Earnings {
  clicks: number;
  purchases: number;
  value: number;
}

const WHY: Record<string, string> = {
  collaborative: "Shoppers like them took it",
  content: "Like what they chose",
  hybrid: "Like what they and similar shoppers chose",
  popular: "Many shoppers take it",
};

export function Recommendations({ session }: { session: Session }) {
  const [entered, setEntered] = useState("");
  const [user, setUser] = useState<string | null>(null);
  const [strategy, setStrategy] = useState("hybrid");
  const path = user && `/users/${encodeURIComponent(user)}/recommendations?strategy=${strategy}&limit=20`;
  const { answer, problem } = useAnswer<Answer>(session, path);
  const { answer: earned } = useAnswer<Earnings>(session, session.key.startsWith("sk_") ? "/recommendations/earnings" : null);
  return (
    <section>
      <div className="heading">
        <h1>Recommendations</h1>
        {earned && (
          <p className="aside">
            Earned in 30 days: {earned.clicks} clicks, {earned.purchases} purchases worth {earned.value.toFixed(2)}
          </p>
        )}
      </div>
      <form
        className="searchbar"
        onSubmit={(event) => {
          event.preventDefault();
          setUser(entered.trim() || null);
        }}
      >
        <input value={entered} onChange={(event) => setEntered(event.target.value)} placeholder="A shopper's id" aria-label="A shopper's id" />
        <label className="inline">
          Strategy
          <select value={strategy} onChange={(event) => setStrategy(event.target.value)}>
            {["hybrid", "collaborative", "content", "popular"].map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <button className="primary">Show</button>
      </form>
      <Problem text={problem} />
      {!user && <Empty>Enter the id of a shopper; somebody unknown gets what is popular.</Empty>}
      {answer && (
        <p className="lead" role="status">
          {answer.items.length} products, {answer.cached ? "kept since" : "made at"} {new Date(answer.generated_at).toLocaleTimeString()}
        </p>
      )}
      <ol className="rows">
        {answer?.items.map((item, at) => (
          <li key={item.product_id} className="card row">
            <span className="place">{at + 1}</span>
            {item.product.image_url ? <img src={item.product.image_url} alt="" /> : <span className="blank" aria-hidden="true" />}
            <div>
              <b>{item.product.name}</b>
              <small>{[item.product.brand, item.product.category].filter(Boolean).join(" · ")}</small>
              <small className="why">
                {WHY[item.reason.strategy] ?? item.reason.strategy}
                {item.reason.because.length > 0 && `: because of ${item.reason.because.join(", ")}`}
              </small>
            </div>
            <span className="aside">{item.product.price != null && `${item.product.price} ${item.product.currency ?? ""}`}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}
