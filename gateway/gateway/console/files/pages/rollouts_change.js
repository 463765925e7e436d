// A form for another policy in the place of the one in force.

import { ask } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { field, problem } from "../lib/parts.js";
import { withToken } from "../lib/token_dialog.js";
import { guardsForm } from "./rollouts_guards.js";

const MODES = ["newest", "pinned", "shadow", "canary"];

export function changeForm(policy, versions, signal, done) {
  const id = (name) => `${name}-${policy.model_name}`;
  const names = versions.map((model) => model.version);
  const choose = (name, options, value) => {
    const select = h("select", { id: id(name) }, options.map((one) => h("option", { value: one }, one)));
    select.value = value;
    return select;
  };
  const mode = choose("mode", MODES, policy.mode);
  const stable = choose("stable", names, policy.stable_version ?? names.at(-1));
  const candidate = choose("candidate", names, policy.candidate_version ?? names[0]);
  const share = h("input", { id: id("share"), type: "text", inputmode: "decimal", autocomplete: "off", value: policy.share || 10 });
  const schedule = h("input", { id: id("schedule"), type: "text", autocomplete: "off", placeholder: "5 for 60, 25 for 240, 50", value: scheduleInWords(policy.steps) });
  const itself = h("input", { id: id("itself"), type: "checkbox", checked: policy.promote_by_itself });
  const guarded = guardsForm(policy.guards, id);
  const reason = h("input", { id: id("reason"), type: "text", maxlength: 500, autocomplete: "off", required: true });
  const who = h("input", { id: id("who"), type: "text", maxlength: 100, autocomplete: "off" });
  const said = h("div", { role: "status" });
  const [stableField, candidateField, shareField] = [field("Stable version", stable), field("Candidate", candidate), field("Percent", share)];
  const canaryFields = [field("Schedule: share for minutes, …; empty: none", schedule), field("Promote by itself when it has proved itself", itself)];
  const fit = () => {
    stableField.hidden = mode.value === "newest";
    candidateField.hidden = shareField.hidden = mode.value === "newest" || mode.value === "pinned";
    for (const one of [...canaryFields, guarded.element]) one.hidden = mode.value !== "canary";
  };
  mode.addEventListener("change", fit);
  fit();

  const element = h("details", {}, h("summary", {}, "Change it"));
  const send = async (event) => {
    event.preventDefault();
    const body = { revision: policy.revision, mode: mode.value, reason: reason.value, changed_by: who.value.trim() || null };
    if (!stableField.hidden) body.stable_version = stable.value;
    if (!candidateField.hidden) Object.assign(body, { candidate_version: candidate.value, share: Number(share.value) });
    try {
      if (mode.value === "canary") Object.assign(body, canary(policy, schedule.value, itself.checked, guarded.read()));
      const path = `/models/${encodeURIComponent(policy.model_name)}/rollout`;
      if (!(await withToken(() => ask("PUT", path, { body, admin: true, signal })))) return;
      element.open = false;
      done();
    } catch (error) {
      if (!signal.aborted) fill(said, problem(error));
    }
  };
  element.append(h("form", { onsubmit: send },
    h("div", { class: "inputs" }, field("Mode", mode), stableField, candidateField, shareField, canaryFields, field("Reason", reason), field("Your name (for the audit)", who)), guarded.element,
    said, h("p", { class: "actions" }, h("button", { type: "submit", class: "main" }, "Put it in force"))));
  return element;
}

/** What only a canary has; who belongs together stays as it is. A schedule begins with its first share. */
function canary({ sticky }, schedule, itself, guards) {
  const steps = stepsOf(schedule);
  return { guards, sticky, promote_by_itself: itself, ...(steps && { steps, share: steps[0].share }) };
}

function scheduleInWords(steps) {
  return (steps ?? []).map((one) => (one.minutes === null ? `${one.share}` : `${one.share} for ${one.minutes}`)).join(", ");
}

/** `5 for 60, 50` as steps; null of nothing. Throws an Error that says which part is none. */
function stepsOf(text) {
  if (!text.trim()) return null;
  return text.split(",").map((part) => {
    const found = /^\s*(\d+(?:\.\d+)?)\s*%?\s*(?:for\s+(\d+(?:\.\d+)?)\s*(?:min)?\s*)?$/.exec(part);
    if (!found) throw new Error(`"${part.trim()}" is no step: say percent for minutes, such as 5 for 60; the last one may be a percentage alone.`);
    return { share: Number(found[1]), minutes: found[2] === undefined ? null : Number(found[2]) };
  });
}
