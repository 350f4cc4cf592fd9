// The drawings of the phone, 16 by 16.

import { icon } from "../shared/element.js";

const RECEIVER = "M5.6 2.6 4 2.4c-.8 0-1.5.7-1.4 1.5C3 9 7 13 12.1 13.4c.8.1 1.5-.6 1.5-1.4l-.2-1.6-2.7-.9-1.3 1.3a8.7 8.7 0 0 1-4.2-4.2l1.3-1.3z";

export const receiver = () => icon(RECEIVER);
export const check = () => icon("m3.5 8.5 3 3 6-7");
export const checks = () => icon("m1.5 8.5 3 3 5.5-7", "m7.5 11.2.3.3 6-7");
export const clock = () => icon("M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11z", "M8 5v3.2l2 1.3");
export const warning = () => icon("M8 2.5 14 13H2z", "M8 6.5v3", "M8 11.2v.1");
export const picture = () => icon("M2.5 3.5h11v9h-11z", "m2.8 11 3.2-3.2 2.5 2.5 1.8-1.8 3 3", "M10.3 6.3h.1");
export const send = () => icon("M8 13V3.5", "m4 7.3 4-4 4 4");
export const microphone = () => icon("M8 2a1.8 1.8 0 0 0-1.8 1.8v4a1.8 1.8 0 0 0 3.6 0v-4A1.8 1.8 0 0 0 8 2z", "M3.8 7.8a4.2 4.2 0 0 0 8.4 0", "M8 12v2");
export const muted = () => icon("M8 2a1.8 1.8 0 0 0-1.8 1.8v4a1.8 1.8 0 0 0 3.6 0v-4A1.8 1.8 0 0 0 8 2z", "M3.8 7.8a4.2 4.2 0 0 0 8.4 0", "M8 12v2", "m2.5 2.5 11 11");
export const keys = () => icon("M4 3.5h.1", "M8 3.5h.1", "M12 3.5h.1", "M4 7.5h.1", "M8 7.5h.1", "M12 7.5h.1", "M4 11.5h.1", "M8 11.5h.1", "M12 11.5h.1");
export const speaker = () => icon("M3 6.3h2l3-2.6v8.6l-3-2.6H3z", "M10.5 6a2.8 2.8 0 0 1 0 4", "M12.3 4.3a5.2 5.2 0 0 1 0 7.4");
export const broken = () => icon("M6.5 9.5 4.7 11.3a1.9 1.9 0 0 1-2.7-2.7L4 6.6", "M9.5 6.5l1.8-1.8A1.9 1.9 0 0 1 14 7.4l-2 2", "M6 3.5v-1", "M3.5 6h-1", "M10 12.5v1", "M12.5 10h1");
