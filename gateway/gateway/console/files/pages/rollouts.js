// Rollouts: which version requests get that name none, for every model; promote, roll back, begin another.

import { get, post } from "../lib/api.js";
import { fill, fillWhenChanged, h } from "../lib/dom.js";
import { count, milliseconds, short } from "../lib/format.js";
import { badge, freshness, nothing, problem, table, time, whenOpened } from "../lib/parts.js";
import { keepAsking } from "../lib/poll.js";
import { locked, withToken } from "../lib/token_dialog.js";
import { hasToken, whenTokenChanges } from "../lib/token.js";
import { changeForm } from "./rollouts_change.js";
import { guards, report } from "./rollouts_report.js";

const SECONDS = 10;
const HOUR_MINUTES = 60;
const MODES = {
  newest: "The newest version that is loaded.",
  pinned: "The stable version, whatever else appears.",
  shadow: "The stable version; the candidate computes a share of the requests besides and answers nobody.",
  canary: "The stable version, but for a share of the callers that get the candidate.",
};

export function render(params, signal) {
  const fresh = freshness();
  const place = h("div", {}, nothing("Loading …"));
  let changed = false;
  let cards = new Map();
  const look = keepAsking(signal, SECONDS, async () => {
    if (!hasToken()) {
      fillWhenChanged(place, "no token", () => locked("Who gets which version is shown and changed with the admin token."));
      return;
    }
    const [{ data: models }, { data: traffic }, { data: seen }] = await Promise.all([get("/models", { signal }),
      post("/metrics/aggregated", { time_window_minutes: HOUR_MINUTES }, { signal }), get("/metrics/rollouts", { signal })]);
    const names = [...new Set(models.models.map((model) => model.name))];
    const policies = await Promise.all(names.map(async (name) => (await get(`/models/${encodeURIComponent(name)}/rollout`, { admin: true, signal })).data));
    const facts = policies.map((policy) => [policy, models.models.filter((model) => model.name === policy.model_name), traffic.versions,
      seen.rollouts.find((one) => one.model_name === policy.model_name)]);
    // Whoever is filling in a form, or reading what was opened, is not interrupted by another policy, but hears of it.
    const isRead = !changed && place.querySelector("details[open]");
    const known = facts.map(([policy, versions]) => [{ ...policy, here: policy.here.shares }, versions.map((one) => [one.version, one.state])]);
    if (!isRead) {
      changed = false;
      fillWhenChanged(place, known, () => {
        cards = new Map(facts.map(([policy, versions]) => [policy.model_name, policyCard(policy, versions, signal, again)]));
        return h("div", { class: "grid" }, [...cards.values()].map((one) => one.element));
      });
    }
    for (const [policy, , ...news] of facts) cards.get(policy.model_name)?.tell(policy, ...news);
    fresh.fresh();
  }, fresh.failed);
  const again = () => {
    changed = true;
    look();
  };
  whenTokenChanges(again, signal);
  return [h("div", { class: "controls" }, fresh.element), place];
}

/** Its element, and `tell`, which brings traffic and guards up to date, and says when another policy is in force. */
function policyCard(policy, versions, signal, again) {
  const seen = h("div", {}), guarded = h("div", {}), outdated = h("p", { class: "problem", hidden: true }, "Another policy is in force by now. Close what is open on this page to see it.");
  const said = h("div", { role: "status" });
  const path = `/models/${encodeURIComponent(policy.model_name)}/rollout`;
  const act = (what) => () => withToken(() => post(`${path}/${what}`, { revision: policy.revision, reason: "by hand, in the console" }, { admin: true, signal }))
    .then(again, (error) => signal.aborted || fill(said, problem(error)));
  const element = h("section", { class: "card" },
    h("h2", {}, policy.model_name, " ", badge(policy.mode)), outdated,
    h("p", {}, MODES[policy.mode]),
    policy.here.trouble && h("p", { class: "problem" }, policy.here.trouble),
    seen,
    policy.candidate_version && h("dl", { class: "facts" }, h("dt", {}, "Candidate"), h("dd", {}, policy.candidate_version),
      policy.steps && [h("dt", {}, "Schedule"), h("dd", {}, steps(policy))], policy.started_at && [h("dt", {}, "Since"), h("dd", {}, time(policy.started_at))]),
    h("p", { class: "note" }, `Revision ${count(policy.revision)}`, policy.changed_at && [", ", time(policy.changed_at)], `, known from ${policy.here.known_from}.`),
    policy.candidate_version && h("p", { class: "actions" }, h("button", { type: "button", class: "main", onclick: act("promote") }, `Promote ${policy.candidate_version}`),
      h("button", { type: "button", onclick: act("rollback") }, "Roll back")),
    said, guarded, policy.candidate_version && report(path, policy, signal), changeForm(policy, versions, signal, again), audit(path, signal));
  return {
    element,
    tell(now, traffic, reading) {
      outdated.hidden = now.revision === policy.revision;
      fillWhenChanged(seen, sharesOf(now, traffic), (rows) => table(`Versions of ${policy.model_name}`, ["Version", "Share", "Last hour", "Confidence", "Model took"], rows));
      fillWhenChanged(guarded, reading ?? null, guards);
    },
  };
}

function sharesOf(policy, traffic) {
  const of = (version) => traffic.find((one) => one.model_name === policy.model_name && one.model_version === version);
  return Object.entries(policy.here.shares).map(([version, share]) => {
    const asked = of(version);
    return [version, `${short(share)} %`, count(asked?.total_predictions ?? 0), short(asked?.average_confidence), milliseconds(asked?.average_inference_time_ms)];
  });
}

function steps({ steps: all, step }) {
  return all.map((one, at) => h(at === step ? "strong" : "span", {}, `${at ? " → " : ""}${short(one.share)} %${one.minutes ? ` for ${count(one.minutes)} min` : ""}`));
}

/** Who changed it, when and why. */
function audit(path, signal) {
  return whenOpened("History", signal, async () => {
    const { data } = await get(`${path}/history`, { admin: true, signal });
    return data.events.length ? h("ol", { class: "rows" }, data.events.map((event) => h("li", {}, eventInWords(event)))) : nothing("It was never changed.");
  });
}

function eventInWords(event) {
  return [time(event.at), " ", h("strong", {}, event.action), ` to ${event.policy.mode} by ${event.actor}${event.actor_key_id ? ` (key ${event.actor_key_id})` : ""}: `, h("span", { class: "note" }, event.reason)];
}
