# results.tsv (case, proxy, round, metric, value) -> one Markdown table of medians. Ratios are medians of the ratios
# within a round, where both ran close together. With -v values=1: "case metric proxy median" lines, for plotting.

function median(list, n,    i, k, x) {
    for (i = 2; i <= n; i++) {
        x = list[i]
        for (k = i - 1; k >= 1 && list[k] > x; k--)
            list[k + 1] = list[k]
        list[k + 1] = x
    }
    return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}

# The median of a figure; "" when there is none.
function figure(c, m, p,    r, n, list) {
    for (r = 1; r <= rounds; r++)
        if ((c, m, p, r) in value)
            list[++n] = value[c, m, p, r]
    return n ? median(list, n) : ""
}

function ratio(c, m, p, q,    r, n, list) {
    for (r = 1; r <= rounds; r++)
        if ((c, m, p, r) in value && (c, m, q, r) in value && value[c, m, q, r] > 0)
            list[++n] = value[c, m, p, r] / value[c, m, q, r]
    return n ? sprintf("%.2f", median(list, n)) : "-"
}

function short(x) {
    if (x == "")
        return "-"
    if (x >= 1000 || x <= -1000 || x == int(x))
        return sprintf("%.0f", x)
    return sprintf(x >= 100 ? "%.0f" : x >= 10 ? "%.1f" : x >= 1 ? "%.2f" : "%.3f", x)
}

function describe(name, text, more) {
    label[name] = text
    high[name] = more
    order[++labels] = name
}

# Figures that need two cases: what one change costs, and what a second worker brings.
function derive(p, r,    kind, n, k) {
    if (("churn-100", "cpu_share", p, r) in value && ("churn-0", "cpu_share", p, r) in value)
        value["churn-100", "cpu_us_per_change", p, r] = 1e6 * (value["churn-100", "cpu_share", p, r] - \
            value["churn-0", "cpu_share", p, r]) / value["churn-100", "changes_per_s", p, r]
    n = split("connrate rr", kind, " ")
    for (k = 1; k <= n; k++)
        if (("threads-2-" kind[k], "per_s", p, r) in value && ("threads-1-" kind[k], "per_s", p, r) in value)
            value["threads-2-" kind[k], "scaling", p, r] = value["threads-2-" kind[k], "per_s", p, r] / \
                value["threads-1-" kind[k], "per_s", p, r]
}

BEGIN {
    FS = "\t"
    describe("cpu_us", "proxy CPU µs")
    describe("cpu_s_per_gb", "proxy CPU s/GB")
    describe("cpu_vs_alone", "proxy CPU, of that without idle ones")
    describe("cpu_us_per_change", "CPU µs per change")
    describe("bytes_per_session", "bytes per idle session")
    describe("anonymous_growth", "anonymous memory, bytes above idle")
    describe("piped_most", "bytes in pipes, most")
    describe("per_s", "per second", 1)
    describe("gb_per_s", "GB/s", 1)
    describe("scaling", "of one worker's", 1)
    describe("p50_us", "p50 µs")
    describe("p99_us", "p99 µs")
    describe("p999_us", "p99.9 µs")
}

{
    if (!($1 in seen_case)) { seen_case[$1]; cases[++ncases] = $1 }
    if (!($2 in seen_proxy)) { seen_proxy[$2]; proxies[++nproxies] = $2 }
    value[$1, $4, $2, $3] = $5
    if ($3 > rounds) rounds = $3
}

END {
    for (i = 1; i <= nproxies; i++)
        for (r = 1; r <= rounds; r++)
            derive(proxies[i], r)
    if (!values) {
        line = "| case | figure |"
        rule = "|---|---|"
        for (i = 1; i <= nproxies; i++) {
            line = line " " proxies[i] " |"
            rule = rule "--:|"
        }
        print line " best peer | dill / floor | dill / best peer | dill / direct |"
        print rule "---|--:|--:|--:|"
    }
    for (k = 1; k <= ncases; k++)
        for (j = 1; j <= labels; j++)
            row(cases[k], order[j])
}

function row(c, m,    i, p, f, any, best, best_figure, line) {
    if (c ~ /^(paced|churn)/ && m == "per_s" || c ~ /^(bulk|slow)/ && m ~ /^p[0-9]/)
        return
    for (i = 1; i <= nproxies; i++) {
        p = proxies[i]
        f = p == "direct" && m !~ /per_s$|^p[0-9]/ ? "" : figure(c, m, p)
        if (values && f != "")
            print c, m, p, f
        any = any || f != ""
        line = line " " short(f) " |"
        if (f != "" && p !~ /^(direct|floor|dill)/ && (best == "" || (high[m] ? f > best_figure : f < best_figure))) {
            best = p
            best_figure = f
        }
    }
    if (any && !values)
        print "| " c " | " label[m] " |" line " " (best == "" ? "-" : best) " | " ratio(c, m, "dill", "floor") " | " \
            (best == "" ? "-" : ratio(c, m, "dill", best)) " | " ratio(c, m, "dill", "direct") " |"
}
