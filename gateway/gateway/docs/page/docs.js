"use strict";
const chosen = document.getElementById("service");
chosen.value = new URLSearchParams(location.search).get("service") || "";
chosen.addEventListener("change", () => {
  location.search = chosen.value ? "?service=" + encodeURIComponent(chosen.value) : "";
});
const prefix = document.getElementById("ui").dataset.prefix;
const url = prefix + (chosen.value ? "/openapi/" + encodeURIComponent(chosen.value) + ".json" : "/openapi.json");
SwaggerUIBundle({ url, dom_id: "#ui", deepLinking: true, validatorUrl: null });
