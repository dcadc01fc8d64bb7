-- The SQL that learns a model, for DuckDB and Athena (Trino). docs/recommendations.md explains the formulas.
-- Each step is a table that later steps read. A `slice` is a step that runs once for each part of the products, a
-- `round` one that runs several times, each time on the result of the time before. A `view` has about as many rows as
-- interactions, so an engine without a disk of its own computes it where it is read. Sums are of whole numbers, so every build of the same data gives the
-- same model. Numbers with an `e` are doubles in both engines; `1.5` would be a decimal in Trino.
--
--   interactions  user_number, product_number, weight (thousandths), at_seconds
--   products      product_number, product_id, category, available (1 or 0)
--   tokens        product_number, token_number, kind: the features of a product
--
-- A product's neighbours are one text, `id users lift id users lift …`; `card` is an id with its users. Products with
-- the same tokens share their content neighbours (themselves among them), which are computed once. The lifts of
-- tokens are estimated from a sample of users (`asked`).

-- view: latest
SELECT least(max(at_seconds), {now_seconds}) AS at_seconds
FROM interactions

-- view: touched
SELECT i.user_number, i.product_number, max(i.at_seconds) AS at_seconds,
       max(CAST(round(i.weight * power(5e-1, greatest(n.at_seconds - i.at_seconds, 0) / 86400e0 / {half_life_days}))
           AS INTEGER)) AS weight,
       max(CAST(round(i.weight * power(5e-1, greatest(n.at_seconds - i.at_seconds, 0) / 86400e0 / {lasting_days}))
           AS INTEGER)) AS lasting
FROM interactions i
CROSS JOIN latest n
JOIN products p ON p.product_number = i.product_number
GROUP BY i.user_number, i.product_number

-- view: history
SELECT user_number, product_number, weight, lasting
FROM (
  SELECT user_number, product_number, weight, lasting,
         row_number() OVER (PARTITION BY user_number ORDER BY at_seconds DESC, product_number) AS age
  FROM touched
) AS newest
WHERE age <= {longest_history} AND lasting > 0

-- step: popularity
SELECT product_number, sum(weight) / 1e3 AS users, sum(lasting) / 1e3 AS lasting
FROM history
GROUP BY product_number

-- step: audience
-- Shares are of at least `fewest_users`, as if missing shoppers had touched nothing: among few shoppers, a product that
-- most of them touched need not be popular.
SELECT users, least({most_prior_users}, {prior_share} * users) AS prior
FROM (SELECT greatest(count(DISTINCT user_number), {fewest_users}) AS users FROM history) AS counted

-- view: asked
SELECT h.user_number, h.product_number
FROM history h
CROSS JOIN audience n
WHERE mod(h.user_number, CAST(floor(n.users / {users_asked}) AS BIGINT) + 1) = 0

-- view: sizes
SELECT user_number, count(*) AS products
FROM asked
GROUP BY user_number

-- step: takers
SELECT product_number, count(*) AS users
FROM asked
GROUP BY product_number

-- step: token_repeats
SELECT t.token_number, CAST(sum(y.users * y.users) AS BIGINT) AS pairs
FROM tokens t
JOIN takers y ON y.product_number = t.product_number
GROUP BY t.token_number

-- step: token_use
SELECT c.token_number, c.kind, CAST(sum(c.products) AS BIGINT) AS used,
       sum(CASE WHEN s.products > 1
                THEN CAST(1e6 * c.products * (c.products - 1) / (s.products - 1) AS BIGINT) ELSE 0 END)
         / 1e6 AS observed
FROM (
  SELECT h.user_number, t.token_number, t.kind, count(*) AS products
  FROM asked h
  JOIN tokens t ON t.product_number = h.product_number
  GROUP BY h.user_number, t.token_number, t.kind
) AS c
JOIN sizes s ON s.user_number = c.user_number
GROUP BY c.token_number, c.kind

-- step: touches
-- Likewise of at least `fewest_touches`: if all touches are of phones, a phone is still evidence for phones.
SELECT CAST(greatest(coalesce(sum(products), 0), {fewest_touches}) AS BIGINT) AS products,
       least({most_prior_products}, 1 + {prior_share} * coalesce(sum(products), 0)) AS prior
FROM sizes

-- step: token_pairs
SELECT u.token_number, u.kind, u.observed, u.used * 1e0 / n.products AS share,
       CAST(1e6 * (u.used * u.used - r.pairs) / n.products AS BIGINT) / 1e6 AS expected
FROM token_use u
JOIN token_repeats r ON r.token_number = u.token_number
CROSS JOIN touches n

-- step: kind_lift
SELECT k.kind,
       (coalesce(sum(CAST(u.observed * 1e6 AS BIGINT)) / 1e6, 0e0) + 2e0)
         / (coalesce(sum(CAST(u.expected * 1e6 AS BIGINT)) / 1e6, 0e0) + 1e0) AS lift
FROM (SELECT DISTINCT kind FROM tokens) AS k
LEFT JOIN token_pairs u ON u.kind = k.kind
GROUP BY k.kind

-- step: token_lift
SELECT t.token_number,
       CAST(round(10000 * ln(
         CASE WHEN coalesce(u.expected, 0e0) < 1 THEN k.lift
              ELSE (u.observed + n.prior * u.share) / (u.expected + n.prior * u.share) END)) AS BIGINT) AS lift,
       coalesce(u.share, 1e0 / n.products) AS share
FROM (SELECT token_number, kind, count(*) AS carriers FROM tokens GROUP BY token_number, kind) AS t
CROSS JOIN touches n
JOIN kind_lift k ON k.kind = t.kind
LEFT JOIN token_pairs u ON u.token_number = t.token_number
WHERE t.carriers > 1

-- step: sellable
SELECT p.product_number, p.product_id, p.category, coalesce(y.users, 0e0) AS users, coalesce(y.lasting, 0e0) AS lasting,
       p.product_id || ' ' || CAST(CAST(1e3 * coalesce(y.users, 0e0) AS BIGINT) AS VARCHAR) AS card
FROM products p
LEFT JOIN popularity y ON y.product_number = p.product_number
WHERE p.available = 1

-- step: ranked
SELECT product_number, product_id, users, row_number() OVER (ORDER BY users DESC, lasting DESC, product_number) AS place
FROM sellable

-- step: carriers
SELECT token_number, product_number, users, lift
FROM (
  SELECT t.token_number, s.product_number, s.users, s.lasting, l.lift,
         row_number() OVER (PARTITION BY t.token_number, s.lasting > 0
                            ORDER BY s.users DESC, s.lasting DESC, s.product_number) AS place
  FROM tokens t
  JOIN token_lift l ON l.token_number = t.token_number
  JOIN sellable s ON s.product_number = t.product_number
) AS placed
WHERE place <= CASE WHEN lasting > 0 THEN {carriers_per_token} ELSE {untouched_per_token} END

-- step: alike
SELECT product_number, min(product_number) OVER (PARTITION BY signature, tokens) AS described_as
FROM (
  SELECT product_number, count(*) AS tokens,
         CAST(sum(mod(token_number, 4503599627370496)) AS BIGINT) AS signature
  FROM tokens
  GROUP BY product_number
) AS signed

-- step: descriptions
SELECT t.product_number, t.token_number
FROM tokens t
JOIN alike a ON a.product_number = t.product_number AND a.described_as = t.product_number
JOIN token_lift l ON l.token_number = t.token_number

-- step: described
SELECT f.product_number, f.features, c.content
FROM (
  SELECT product_number,
         concat_ws(' ', array_agg(CAST(token_number AS VARCHAR) ORDER BY token_number)) AS features
  FROM descriptions
  GROUP BY product_number
) AS f
LEFT JOIN (
  SELECT r.product_number,
         concat_ws(' ', array_agg(s.card || ' ' || CAST(r.lift AS VARCHAR) ORDER BY r.place)) AS content
  FROM (
    SELECT product_number, other_number, lift,
           row_number() OVER (PARTITION BY product_number ORDER BY lift DESC, users DESC, other_number) AS place
    FROM (
      SELECT d.product_number, k.product_number AS other_number, k.users, sum(k.lift) AS lift
      FROM descriptions d
      JOIN carriers k ON k.token_number = d.token_number
      GROUP BY d.product_number, k.product_number, k.users
    ) AS shared
    WHERE lift > 0
  ) AS r
  JOIN sellable s ON s.product_number = r.other_number
  WHERE r.place <= {content_neighbours}
  GROUP BY r.product_number
) AS c ON c.product_number = f.product_number

-- slice: near
SELECT product_number, other_number, together, lift, place
FROM (
  SELECT e.product_number, e.other_number, e.together, e.lift,
         row_number() OVER (PARTITION BY e.product_number ORDER BY e.together * e.lift DESC, e.other_number) AS place
  FROM (
    SELECT c.product_number, c.other_number, c.together,
           CAST(round(10000 * ln((c.together + n.prior * b.lasting / n.users)
                / ((a.lasting + n.prior) * b.lasting / n.users))) AS BIGINT) AS lift
    FROM (
      SELECT x.product_number, y.product_number AS other_number, sum(x.lasting * y.lasting) / 1e6 AS together
      FROM history x
      JOIN history y ON y.user_number = x.user_number AND y.product_number <> x.product_number
      WHERE mod(x.product_number, {parts}) = {part}
      GROUP BY x.product_number, y.product_number
    ) AS c
    JOIN popularity a ON a.product_number = c.product_number
    JOIN popularity b ON b.product_number = c.other_number
    CROSS JOIN audience n
  ) AS e
  JOIN sellable s ON s.product_number = e.other_number
  WHERE e.lift > 0
) AS r
WHERE place <= {neighbours}

-- step: regressors
-- A ridge regression with positive weights predicts who touches a product from its nearest neighbours.
SELECT r.product_number, r.other_number, r.together, CAST(1000000 AS BIGINT) AS effect
FROM near r
JOIN (SELECT product_number, row_number() OVER (ORDER BY lasting DESC, product_number) AS place FROM popularity) AS p
  ON p.product_number = r.product_number
WHERE r.place <= {regressors} AND p.place <= {regressed}

-- step: gram
SELECT product_number, other_number, together
FROM near
WHERE place <= {gram_neighbours}
UNION
SELECT other_number, product_number, together
FROM near
WHERE place <= {gram_neighbours}
UNION
SELECT product_number, product_number, sum(lasting * lasting) / 1e6 + {penalty}
FROM history
GROUP BY product_number

-- view: equations
SELECT a.product_number, a.other_number, b.other_number AS by_number, g.together
FROM regressors a
JOIN gram g ON g.product_number = a.other_number
JOIN regressors b ON b.product_number = a.product_number AND b.other_number = g.other_number

-- round: regressors
-- A multiplicative update (Lee & Seung 2001). Effects are in millionths.
SELECT a.product_number, a.other_number, a.together,
       CAST(round(a.effect * a.together * 1e6 / e.predicted) AS BIGINT) AS effect
FROM {before} a
JOIN (
  SELECT q.product_number, q.other_number, sum(CAST(round(q.together * b.effect) AS BIGINT)) AS predicted
  FROM equations q
  JOIN {before} b ON b.product_number = q.product_number AND b.other_number = q.by_number
  GROUP BY q.product_number, q.other_number
) AS e ON e.product_number = a.product_number AND e.other_number = a.other_number
WHERE e.predicted > 0

-- part: neighbours
SELECT p.product_id, c.collaborative, d.content, d.features
FROM products p
LEFT JOIN (
  SELECT r.product_number,
         concat_ws(' ', array_agg(s.card || ' ' ||
                                  CAST(r.lift + CAST(round(coalesce(e.effect, 0) / 4e0) AS BIGINT) AS VARCHAR)
                                  ORDER BY r.place)) AS collaborative
  FROM near r
  JOIN sellable s ON s.product_number = r.other_number
  LEFT JOIN {last_regressors} e ON e.product_number = r.other_number AND e.other_number = r.product_number
  WHERE mod(r.product_number, {parts}) = {part}
  GROUP BY r.product_number
) AS c ON c.product_number = p.product_number
LEFT JOIN alike a ON a.product_number = p.product_number
LEFT JOIN described d ON d.product_number = a.described_as
WHERE mod(p.product_number, {parts}) = {part} AND coalesce(c.collaborative, d.features) IS NOT NULL
ORDER BY p.product_id

-- part: popular
SELECT r.category, r.product_id, r.kind, r.token_number, r.lift, r.share, r.users
FROM (
  SELECT '' AS category, product_id, 'product' AS kind, CAST(0 AS BIGINT) AS token_number, CAST(0 AS BIGINT) AS lift,
         0e0 AS share, users
  FROM ranked
  WHERE place <= {popular}
  UNION ALL
  SELECT '' AS category, p.product_id, 'token' AS kind, l.token_number, l.lift, l.share, p.users
  FROM ranked p
  JOIN tokens t ON t.product_number = p.product_number
  JOIN token_lift l ON l.token_number = t.token_number
  WHERE p.place <= {popular}
  UNION ALL
  SELECT category, product_id, 'product' AS kind, CAST(0 AS BIGINT) AS token_number, CAST(0 AS BIGINT) AS lift,
         0e0 AS share, users
  FROM (
    SELECT s.*, row_number() OVER (PARTITION BY category ORDER BY users DESC, lasting DESC, product_number) AS place
    FROM sellable s
  ) AS placed
  WHERE place <= {popular_in_category} AND category <> ''
) AS r
ORDER BY r.category, r.users DESC, r.product_id, r.kind, r.token_number
