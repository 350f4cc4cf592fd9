// How many segments a text is billed as; the same count as tandem.channels.sms.sender.segments.

const GSM7 = new Set(
  "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà",
);
const TWICE = new Set("^{}\\[~]|€\f");

/** Return {segments, units, room}: `room` is how many units fit into that many segments. */
export function count(text) {
  const characters = [...text];
  const plain = characters.every((one) => GSM7.has(one) || TWICE.has(one));
  const units = plain ? characters.length + characters.filter((one) => TWICE.has(one)).length : text.length;
  const [single, each] = plain ? [160, 153] : [70, 67];
  const segments = units === 0 ? 0 : units <= single ? 1 : Math.ceil(units / each);
  return { segments, units, room: segments <= 1 ? single : segments * each };
}
