// The way to the pretend Twilio: one WebSocket that comes back by itself.

const FIRST_PAUSE = 300; // milliseconds
const LONGEST_PAUSE = 4000;

/**
 * Keep a line open. `hear` gets every message; `lost` is told when the line falls, or never stood.
 * Returns `tell(act)`, which says whether the act could be sent.
 */
export function openLine({ hear, lost }) {
  let socket = null;
  let pause = FIRST_PAUSE;
  let given = false;

  function connect() {
    const address = new URL("phone/line", document.baseURI);
    address.protocol = address.protocol.replace("http", "ws");
    socket = new WebSocket(address);
    socket.addEventListener("open", () => (pause = FIRST_PAUSE));
    socket.addEventListener("message", (event) => {
      const told = JSON.parse(event.data);
      given = told.type === "unavailable";
      hear(told);
    });
    socket.addEventListener("close", () => {
      socket = null;
      if (given) return; // there is no pretend line here, and asking again would not make one
      lost();
      setTimeout(connect, pause);
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    });
  }

  connect();
  return (act) => {
    if (socket?.readyState !== WebSocket.OPEN) return false;
    socket.send(JSON.stringify(act));
    return true;
  };
}
