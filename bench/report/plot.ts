/** Two plots over transactions in flight, both axes logarithmic: throughput and p99. Plain SVG, readable on light and dark pages. */

export interface Point {
  readonly inFlight: number;
  readonly perSecond: number;
  readonly p99Ms: number;
}

export interface Line {
  readonly name: string;
  readonly points: readonly Point[];
}

const WIDTH = 400;
const HEIGHT = 300;
const LEFT = 64;
const TOP = 72;
const COLORS = ['#0b7285', '#e8590c', '#868e96'];

export function plot(lines: readonly Line[], where: string): string {
  const throughput = panel(lines, 'transactions per second', (point) => point.perSecond, 0);
  const p99 = panel(lines, 'p99 in ms', (point) => point.p99Ms, WIDTH + LEFT + 40);
  const width = 2 * WIDTH + 2 * LEFT + 80;
  const legend = lines
    .map(({ name }, index) => {
      const x = LEFT + index * 130;
      const color = COLORS[index] ?? '#000';
      return `<rect x="${x}" y="28" width="18" height="4" fill="${color}"/><text x="${x + 24}" y="34">${name}</text>`;
    })
    .join('');
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${HEIGHT + TOP + 56}" font-family="sans-serif" font-size="12" fill="#495057">` +
    `<rect width="100%" height="100%" fill="#fff"/><text x="${LEFT}" y="18">two-branch transactions, ${where}</text>` +
    `${legend}${throughput}${p99}</svg>\n`
  );
}

function panel(lines: readonly Line[], title: string, of: (point: Point) => number, offset: number): string {
  const points = lines.flatMap((line) => line.points);
  const across = scaleOf(
    points.map(({ inFlight }) => inFlight),
    false,
  );
  const up = scaleOf(points.map(of), true);
  const x = (value: number) => LEFT + across.at(value) * WIDTH;
  const y = (value: number) => TOP + HEIGHT - up.at(value) * HEIGHT;
  const grid = up.ticks
    .map(
      (tick) =>
        `<line x1="${LEFT}" x2="${LEFT + WIDTH}" y1="${y(tick)}" y2="${y(tick)}" stroke="#dee2e6"/>` +
        `<text x="${LEFT - 6}" y="${y(tick) + 4}" text-anchor="end">${short(tick)}</text>`,
    )
    .join('');
  const marks = [...new Set(points.map(({ inFlight }) => inFlight))]
    .map((tick) => `<text x="${x(tick)}" y="${TOP + HEIGHT + 18}" text-anchor="middle">${tick}</text>`)
    .join('');
  const drawn = lines
    .map((line, index) => {
      const color = COLORS[index] ?? '#000';
      const path = line.points.map((point) => `${x(point.inFlight).toFixed(1)},${y(of(point)).toFixed(1)}`);
      const dots = path.map(
        (at) => `<circle cx="${at.split(',')[0]}" cy="${at.split(',')[1]}" r="3" fill="${color}"/>`,
      );
      return `<polyline points="${path.join(' ')}" fill="none" stroke="${color}" stroke-width="2"/>${dots.join('')}`;
    })
    .join('');
  const axis = `<text x="${LEFT + WIDTH / 2}" y="${TOP + HEIGHT + 36}" text-anchor="middle">transactions in flight</text>`;
  return `<g transform="translate(${offset} 0)"><text x="${LEFT}" y="${TOP - 6}">${title}</text>${grid}${marks}${axis}${drawn}</g>`;
}

/** A logarithmic scale over the values, or over whole decades: `at` is 0 to 1. */
function scaleOf(values: readonly number[], wholeDecades: boolean) {
  const least = Math.log10(Math.max(Math.min(...values), 1e-3));
  const most = Math.log10(Math.max(...values));
  const from = wholeDecades ? Math.floor(least) : least;
  const to = wholeDecades ? Math.max(Math.ceil(most), from + 1) : most;
  const ticks = Array.from({ length: Math.floor(to - from) + 1 }, (_, index) => 10 ** (from + index));
  return { ticks, at: (value: number) => (Math.log10(Math.max(value, 1e-3)) - from) / (to - from) };
}

function short(value: number): string {
  return value >= 1000 ? `${value / 1000}k` : String(value);
}
