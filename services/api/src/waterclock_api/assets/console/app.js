const app = document.getElementById("app");
const root = new URL("../v1/monitor/", document.baseURI);
app.textContent = "Loading.";
const answer = await fetch(new URL("../livez", document.baseURI));
app.textContent = `The API is at ${root.pathname} and answers ${answer.status}.`;
