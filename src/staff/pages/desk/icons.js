// Small drawings for channels and marks.

import { icon } from "../shared/element.js";

const PATHS = {
  sms: ["M3 3.5h10a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1H7l-3 2.5v-2.5H3a1 1 0 0 1-1-1v-6a1 1 0 0 1 1-1z"],
  whatsapp: ["M8 2a6 6 0 0 0-5.2 9L2 14l3.1-.8A6 6 0 1 0 8 2z", "M6 6c0 2.4 1.6 4 4 4"],
  rcs: ["M3 3.5h10a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1H7l-3 2.5v-2.5H3a1 1 0 0 1-1-1v-6a1 1 0 0 1 1-1z", "M5.5 6.5h5M5.5 8.7h3"],
  voice: ["M4.2 2.2 6.4 2l1.2 3-1.6 1.3a8 8 0 0 0 3.7 3.7L11 8.400l3 1.2-.2 2.200a1.7 1.7 0 0 1-1.9 1.600A11 11 0 0 1 2.6 4.100a1.7 1.7 0 0 1 1.6-1.900z"],
  back: ["M10 3 5 8l5 5"],
  bell: ["M8 2a4 4 0 0 0-4 4c0 3.5-1.5 4.5-1.5 4.500h11S12 9.5 12 6a4 4 0 0 0-4-4z", "M6.7 13a1.4 1.4 0 0 0 2.6 0"],
  mute: ["M8 2a4 4 0 0 0-4 4c0 3.5-1.5 4.5-1.5 4.500h11S12 9.5 12 6a4 4 0 0 0-4-4z", "M2 2l12 12"],
};

export const symbol = (name) => icon(...(PATHS[name] ?? PATHS.sms));
