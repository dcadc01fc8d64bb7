import { type KeyboardEvent, useId, useState } from "react";
import { format, t } from "../language";
import { Table } from "../parts";

export interface Point {
  start: Date;
  /** What the time is called, in tables and under the pointer. */
  label: string;
  value: number;
}

const WIDTH = 600;
const HEIGHT = 140;
const FOOT = 18;

/** Bars by time, by pointer and arrow keys one by one, and the same as a table. */
export function Plot({ name, points }: { name: string; points: Point[] }) {
  const [chosen, setChosen] = useState<number | null>(null);
  const id = useId();
  const most = Math.max(1, ...points.map((point) => point.value));
  const step = WIDTH / points.length;
  const shown = chosen === null ? null : points[chosen];
  const pressed = (event: KeyboardEvent) => {
    const to = {
      ArrowLeft: (chosen ?? points.length) - 1,
      ArrowRight: (chosen ?? -1) + 1,
      Home: 0,
      End: points.length - 1,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    setChosen(Math.max(0, Math.min(points.length - 1, to)));
  };
  return (
    <figure className="plot">
      <figcaption>
        <b id={id}>{name}</b> <span>{shown ? `${shown.label}: ${format.count(shown.value)}` : t.plot.most(most)}</span>
      </figcaption>
      <div
        className="bars"
        role="slider"
        aria-labelledby={id}
        aria-valuemin={1}
        aria-valuemax={points.length}
        aria-valuenow={(chosen ?? points.length - 1) + 1}
        aria-valuetext={shown ? `${shown.label}: ${format.count(shown.value)}` : t.plot.keys}
        tabIndex={0}
        onKeyDown={pressed}
        onBlur={() => setChosen(null)}
      >
        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
          {points.map((point, at) => {
            const high = (point.value / most) * (HEIGHT - FOOT);
            return (
              <g
                key={point.label}
                className={chosen === at ? "chosen" : undefined}
                onPointerEnter={() => setChosen(at)}
                onPointerLeave={() => setChosen(null)}
              >
                <rect className="touch" x={at * step} y={0} width={step} height={HEIGHT} />
                <rect className="value" x={at * step + step * 0.1} y={HEIGHT - high} width={step * 0.8} height={high} />
              </g>
            );
          })}
        </svg>
      </div>
      <p className="ends" aria-hidden="true">
        <span>{points[0]?.label}</span>
        <span>{points.at(-1)?.label}</span>
      </p>
      <details>
        <summary>{t.plot.asTable}</summary>
        <Table label={t.plot.named(name)} columns={[t.plot.from, { number: name }]}>
          <tbody>
            {points.map((point) => (
              <tr key={point.label}>
                <td>{point.label}</td>
                <td className="number">{format.count(point.value)}</td>
              </tr>
            ))}
          </tbody>
        </Table>
      </details>
    </figure>
  );
}
