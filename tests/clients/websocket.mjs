// A WebSocket client of the streaming server for tests, on node's own implementation:
//   node --experimental-websocket websocket.mjs URL PROTOCOL TEXT
// Sends the text to channel 0, and prints what came on each channel once the server has closed, as JSON.
const [url, protocol, text] = process.argv.slice(2);
const received = {};
const socket = new WebSocket(url.replace(/^http/, 'ws'), protocol);
socket.binaryType = 'arraybuffer';
socket.onopen = () => socket.send(new Uint8Array([0, ...new TextEncoder().encode(text)]));
socket.onmessage = ({ data }) => {
  const bytes = new Uint8Array(data);
  received[bytes[0]] = (received[bytes[0]] ?? '') + new TextDecoder().decode(bytes.subarray(1));
};
socket.onclose = ({ code }) => console.log(JSON.stringify({ code, protocol: socket.protocol, received }));
