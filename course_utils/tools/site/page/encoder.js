// A sentence encoder in the page: course-sbert, a BERT of 4 layers and 256 dimensions, as in notebook
// 1, with the weights of question-bank.js. A text becomes tokens, the tokens become vectors, their
// mean becomes one vector of length 1. tests/test_site_encoder.py compares every step with Python.

const Encoder = (() => {
  // ---- Numbers from text: two printable characters hold 13 bits (site/bank.py wrote them) ----

  const place = (code) => code - 35 - (code > 92); // "#" is 0; there is no backslash

  // `count` whole numbers of `bits` bits each
  function wholeNumbers(text, count, bits) {
    const out = new Uint16Array(count);
    let [held, have, at] = [0, 0, 0];
    for (let i = 0; i < count; i++) {
      while (have < bits) {
        held = (held << 13) | (91 * place(text.charCodeAt(at)) + place(text.charCodeAt(at + 1)));
        have += 13;
        at += 2;
      }
      have -= bits;
      out[i] = held >> have;
      held &= (1 << have) - 1;
    }
    return out;
  }

  // float16: a sign, 5 bits of exponent, 10 bits of fraction
  function half(bits) {
    const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
    const size = exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24;
    return bits >> 15 ? -size : size;
  }

  // all numbers that the text holds: 13 bits in two characters, 16 bits each
  function halves(text) {
    return Float32Array.from(wholeNumbers(text, Math.floor((text.length * 13) / 32), 16), half);
  }

  // Weights: 64 numbers share a scale, which says what the largest whole number stands for.
  function weights({ count, bits, scales, numbers }) {
    const top = 2 ** (bits - 1) - 1;
    const largest = halves(scales);
    const whole = wholeNumbers(numbers, count, bits);
    const out = new Float32Array(count);
    for (let i = 0; i < count; i++) out[i] = ((whole[i] - top) / top) * largest[i >> 6];
    return out;
  }

  // ---- From a text to token numbers (tokenizer.json: BertNormalizer, BertPreTokenizer, WordPiece) ----

  const HAN =
    /[\u4E00-\u9FFF\u3400-\u4DBF\u{20000}-\u{2A6DF}\u{2A700}-\u{2B73F}\u{2B740}-\u{2B81F}\u{2B920}-\u{2CEAF}\uF900-\uFAFF\u{2F800}-\u{2FA1F}]/gu;

  function tokenizer({ vocabulary, special, dropped, alone, longest }) {
    const number = new Map(vocabulary.map((piece, i) => [piece, i]));
    const [DROPPED, ALONE] = [dropped, alone].map((set) => new RegExp(`[${set}]`, "gu"));
    const SPECIAL = new RegExp(`(${special.map((s) => s.replace(/[[\]]/g, "\\$&")).join("|")})`);

    // lower case without accents; each Chinese character becomes a word; no control characters
    function normalize(text) {
      const spaced = text.replace(/[\t\n\r]/g, " ").replace(DROPPED, "").replace(HAN, " $& ");
      const plain = spaced.normalize("NFD").replace(DROPPED, "");
      return Array.from(plain, (character) => character.toLowerCase()).join("");
    }

    // between spaces; each punctuation mark is a word of its own
    const words = (text) => text.replace(ALONE, " $& ").split(/\p{White_Space}+/u).filter(Boolean);

    // the longest piece of the vocabulary, again and again; a word with a part that has none is [UNK]
    function pieces(word) {
      const characters = Array.from(word);
      const found = [];
      if (characters.length > 100) return [number.get("[UNK]")];
      for (let start = 0; start < characters.length; ) {
        let end = characters.length;
        const piece = () => (start ? "##" : "") + characters.slice(start, end).join("");
        while (end > start && !number.has(piece())) end--;
        if (end === start) return [number.get("[UNK]")];
        found.push(number.get(piece()));
        start = end;
      }
      return found;
    }

    // [CLS], at most `longest` - 2 tokens, [SEP]; who writes "[MASK]" means that token
    function tokens(text) {
      const found = text.split(SPECIAL).flatMap((part) =>
        special.includes(part) ? [number.get(part)] : words(normalize(part)).flatMap(pieces),
      );
      return [number.get("[CLS]"), ...found.slice(0, longest - 2), number.get("[SEP]")];
    }
    return { normalize, words, tokens };
  }

  // ---- From token numbers to one vector. Vectors of t tokens lie in one array (t × size) ----

  // each vector times the weights (out × size), plus a bias: (t × size) -> (t × out)
  function linear(x, size, weight, bias) {
    const [t, out] = [x.length / size, bias.length];
    const y = new Float32Array(t * out);
    for (let o = 0; o < out; o += 4) {
      for (let i = 0; i < t; i++) {
        // four sums at once: each number of x is read once for all four
        let [a, b, c, d] = [0, 0, 0, 0];
        for (let k = i * size, w = o * size; k < (i + 1) * size; k++, w++) {
          const value = x[k];
          a += weight[w] * value;
          b += weight[w + size] * value;
          c += weight[w + 2 * size] * value;
          d += weight[w + 3 * size] * value;
        }
        y.set([a + bias[o], b + bias[o + 1], c + bias[o + 2], d + bias[o + 3]], i * out + o);
      }
    }
    return y;
  }

  // each vector to mean 0 and variance 1, then stretched and moved as was learnt
  function layerNorm(x, size, weight, bias) {
    for (let start = 0; start < x.length; start += size) {
      const row = x.subarray(start, start + size);
      const mean = row.reduce((sum, v) => sum + v, 0) / size;
      const variance = row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / size;
      for (let k = 0; k < size; k++) {
        row[k] = ((row[k] - mean) / Math.sqrt(variance + 1e-12)) * weight[k] + bias[k];
      }
    }
    return x;
  }

  // x times the share of a normal distribution below x (erf: Abramowitz and Stegun 7.1.26)
  function gelu(x) {
    const z = Math.abs(x) / Math.SQRT2;
    const t = 1 / (1 + 0.3275911 * z);
    const series = 0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)));
    const erf = 1 - t * series * Math.exp(-z * z);
    return (x * (1 + (x < 0 ? -erf : erf))) / 2;
  }

  // every token takes a weighted mean of all tokens' values, once in each head
  function attention(q, k, v, size, heads) {
    const [t, width] = [q.length / size, size / heads];
    const out = new Float32Array(t * size);
    for (let first = 0; first < size; first += width) {
      for (let i = 0; i < t; i++) {
        // scores of token i with all tokens, then soft-max
        const scores = new Float64Array(t);
        for (let j = 0; j < t; j++) {
          for (let d = first; d < first + width; d++) scores[j] += q[i * size + d] * k[j * size + d];
          scores[j] /= Math.sqrt(width);
        }
        const top = Math.max(...scores);
        const powers = scores.map((score) => Math.exp(score - top));
        const sum = powers.reduce((total, power) => total + power, 0);
        for (let j = 0; j < t; j++) {
          const share = powers[j] / sum;
          for (let d = first; d < first + width; d++) out[i * size + d] += share * v[j * size + d];
        }
      }
    }
    return out;
  }

  const plus = (x, y) => x.map((value, i) => value + y[i]);

  // the vectors of all tokens after the last layer: (t × size)
  function network({ size, layers, heads }, parts) {
    const dense = (x, width, name) => linear(x, width, parts[`${name}.weight`], parts[`${name}.bias`]);
    const norm = (x, name) => layerNorm(x, size, parts[`${name}.weight`], parts[`${name}.bias`]);
    return (tokens) => {
      // word + place + "first sentence"
      const [word, position, type] = ["word", "position", "token_type"].map(
        (kind) => parts[`embeddings.${kind}_embeddings.weight`],
      );
      let x = new Float32Array(tokens.length * size);
      tokens.forEach((token, i) => {
        for (let k = 0; k < size; k++) {
          x[i * size + k] = word[token * size + k] + position[i * size + k] + type[k];
        }
      });
      x = norm(x, "embeddings.LayerNorm");
      for (let n = 0; n < layers; n++) {
        const at = `encoder.layer.${n}`;
        // tokens look at each other ...
        const [q, k, v] = ["query", "key", "value"].map((part) => dense(x, size, `${at}.attention.self.${part}`));
        const seen = dense(attention(q, k, v, size, heads), size, `${at}.attention.output.dense`);
        x = norm(plus(x, seen), `${at}.attention.output.LayerNorm`);
        // ... then each one goes through two layers of its own
        const wide = dense(x, size, `${at}.intermediate.dense`).map(gelu);
        x = norm(plus(x, dense(wide, wide.length / tokens.length, `${at}.output.dense`)), `${at}.output.LayerNorm`);
      }
      return x;
    };
  }

  // the mean of all tokens' vectors, scaled to length 1: (t × size) -> (size)
  function meanPool(x, size) {
    const mean = new Float64Array(size);
    x.forEach((value, i) => (mean[i % size] += value));
    const length = Math.hypot(...mean);
    return mean.map((value) => value / length);
  }

  // What question-bank.js holds becomes { normalize, words, tokens, encode(text) }.
  function open({ settings, matrices, vectors, tokens }) {
    const parts = {};
    for (const [name, matrix] of Object.entries(matrices)) parts[name] = weights(matrix);
    for (const [name, numbers] of Object.entries(vectors)) parts[name] = halves(numbers);
    const [text, run] = [tokenizer(tokens), network(settings, parts)];
    return { ...text, encode: (sentence) => meanPool(run(text.tokens(sentence)), settings.size) };
  }

  return { open, tokenizer, weights, halves, wholeNumbers };
})();
