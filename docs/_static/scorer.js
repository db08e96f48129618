// How search results are ordered: Sphinx's points, and more where the name of a page or of an entry is what was looked for.
var Scorer = {
  score: ([docname, title, anchor, descr, score, filename, kind]) => {
    const query = (new URLSearchParams(location.search).get("q") || "").toLowerCase().trim();
    const name = title.split(" > ").pop().toLowerCase();
    const close = name === query ? 30 : name.startsWith(query) ? 20 : name.includes(query) ? 10 : 0;
    return score + (query ? close + (close && !anchor ? 15 : 0) : 0);
  },
  objNameMatch: 11, objPartialMatch: 6, objPrio: {0: 15, 1: 5, 2: -5}, objPrioDefault: 0,
  title: 15, partialTitle: 7, term: 5, partialTerm: 2,
};
