package io.github.baichuanreward.kernels;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * PTX text, taken apart as far as its lint needs.
 *
 * @param text all of it
 * @param code the same without comments
 * @param kernels in the order of the text
 */
record Ptx(String text, String code, List<Kernel> kernels) {

    private static final Pattern ENTRY = Pattern.compile("\\.entry\\s+(\\w+)");
    private static final Pattern LABEL_OR_GUARD =
            Pattern.compile("^(?:\\$?\\w+:\\s*|@!?%\\w+\\s+|[{}]\\s*)+");

    /** The statements of one kernel, without their semicolons, labels and predicates. */
    record Kernel(String name, List<String> statements) {}

    static Ptx parse(String text) {
        String code = text.replaceAll("//[^\n]*", "");
        List<Kernel> kernels = new ArrayList<>();
        Matcher entry = ENTRY.matcher(code);
        while (entry.find()) {
            kernels.add(new Kernel(entry.group(1), statements(body(code, entry.end()))));
        }
        return new Ptx(text, code, kernels);
    }

    /** Returns what follows a directive such as {@code .version}. */
    Optional<String> directive(String name) {
        Matcher line = Pattern.compile("(?m)^\\." + name + "\\s+(.*?)\\s*$").matcher(code);
        return line.find() ? Optional.of(line.group(1)) : Optional.empty();
    }

    private static String body(String code, int from) {
        int start = code.indexOf('{', from);
        int depth = 0;
        for (int i = start; i >= 0 && i < code.length(); i++) {
            if (code.charAt(i) == '{') {
                depth++;
            } else if (code.charAt(i) == '}' && --depth == 0) {
                return code.substring(start + 1, i);
            }
        }
        throw new IllegalArgumentException("a kernel without an end");
    }

    private static List<String> statements(String body) {
        List<String> statements = new ArrayList<>();
        for (String part : body.split(";", -1)) {
            String statement = LABEL_OR_GUARD.matcher(part.strip()).replaceFirst("").strip();
            if (!statement.isEmpty()) {
                statements.add(statement.replaceAll("\\s+", " "));
            }
        }
        return statements;
    }
}
