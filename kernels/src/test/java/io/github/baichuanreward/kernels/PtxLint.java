package io.github.baichuanreward.kernels;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;

/**
 * Finds in PTX what costs bandwidth or ties it to one machine: local memory, calls, accesses to
 * global memory that are narrower than 8 bytes, atomics, paths.
 *
 * <p>Some kernels read or write a scalar now and then; {@link #SCALARS} lists those accesses.
 */
final class PtxLint {

    /**
     * Accesses of 4 bytes, by kernel (without dtype): how many statements there may be, each as
     * {@code ld} or {@code st} and its bytes. Nothing narrower than 4 bytes is ever allowed.
     */
    static final Map<String, Map<String, Integer>> SCALARS =
            Map.of(
                    "alibi_attention_d128", Map.of("ld 4", 1), // slope of a head
                    "alibi_attention_d64", Map.of("ld 4", 1),
                    "dequantize", Map.of("ld 4", 1), // scale of a row
                    "embedding", Map.of("ld 4", 1), // id
                    "gather_rows", Map.of("ld 4", 1), // index of a row
                    "value_head", Map.of("st 4", 1)); // reward

    private static final int BULK_BYTES = 8;
    private static final int FEWEST_BYTES = 4;
    private static final Pattern PATH = Pattern.compile("(?m)(?<![^\\s\"'(=])/[A-Za-z]");
    private static final List<String> SPACES =
            List.of("global", "shared", "local", "param", "const");

    private final Map<String, Map<String, Integer>> scalars;
    private final List<String> problems = new ArrayList<>();

    private PtxLint(Map<String, Map<String, Integer>> scalars) {
        this.scalars = scalars;
    }

    /**
     * Returns what is wrong with the PTX, in words; nothing if it is as it should be.
     *
     * @param expected every kernel, and no other, that must be there
     * @param scalars as {@link #SCALARS}
     */
    static List<String> problems(
            Ptx ptx, List<String> expected, Map<String, Map<String, Integer>> scalars) {
        PtxLint lint = new PtxLint(scalars);
        lint.header(ptx);
        lint.names(ptx, expected);
        ptx.kernels().forEach(lint::kernel);
        return lint.problems;
    }

    private void header(Ptx ptx) {
        Map.of("version", "7.0", "target", "sm_80", "address_size", "64")
                .forEach(
                        (name, value) -> {
                            String found = ptx.directive(name).orElse("nothing");
                            if (!found.equals(value)) {
                                problems.add(".%s is %s, not %s".formatted(name, found, value));
                            }
                        });
        if (PATH.matcher(ptx.text()).find()) {
            problems.add("it names a path of the machine that made it");
        }
        if (ptx.code().contains("_INTERNAL_") || ptx.code().contains("_GLOBAL__N_")) {
            problems.add("a name depends on the path of the sources: make it static and inlined");
        }
        if (ptx.code().contains(".func")) {
            problems.add("a function that is not inlined (.func)");
        }
    }

    private void names(Ptx ptx, List<String> expected) {
        List<String> found = ptx.kernels().stream().map(Ptx.Kernel::name).sorted().toList();
        TreeSet<String> missing = new TreeSet<>(expected);
        found.forEach(missing::remove);
        missing.forEach(name -> problems.add("no kernel " + name));
        TreeSet<String> others = new TreeSet<>(found);
        expected.forEach(others::remove);
        others.forEach(name -> problems.add("kernel " + name + " is not in kernels.h"));
    }

    private void kernel(Ptx.Kernel kernel) {
        Map<String, Integer> narrow = new TreeMap<>();
        for (String statement : kernel.statements()) {
            String what = statement(statement, narrow);
            if (!what.isEmpty()) {
                problems.add("%s: %s: %s".formatted(kernel.name(), what, statement));
            }
        }
        Map<String, Integer> allowed =
                scalars.getOrDefault(kernel.name().replaceFirst("_(bf16|f16)$", ""), Map.of());
        TreeSet<String> kinds = new TreeSet<>(narrow.keySet());
        kinds.addAll(allowed.keySet());
        for (String kind : kinds) {
            int found = narrow.getOrDefault(kind, 0);
            int most = allowed.getOrDefault(kind, 0);
            if (found > most) {
                problems.add(
                        "%s: %d accesses to global memory as narrow as %s; %d allowed"
                                .formatted(kernel.name(), found, kind, most));
            } else if (found == 0) {
                problems.add("%s: %s is allowed, but there is none".formatted(kernel.name(), kind));
            }
        }
    }

    /** Returns what is wrong with a statement; counts accesses that only a list may allow. */
    private static String statement(String statement, Map<String, Integer> narrow) {
        List<String> words = Arrays.asList(statement.split("[\\s,]+", -1));
        List<String> parts = Arrays.asList(words.get(0).split("\\.", -1));
        if (words.get(0).equals(".local") || parts.contains("local")) {
            return "local memory";
        }
        return switch (parts.get(0)) {
            case "call", "call_uni" -> "a call";
            case "atom", "red" -> "an atomic, whose order is not fixed";
            case "cp" -> copy(words, parts);
            case "ld", "ldu", "st" -> access(parts, narrow);
            default -> "";
        };
    }

    private static String access(List<String> parts, Map<String, Integer> narrow) {
        if (parts.stream().noneMatch(SPACES::contains)) {
            return "an access that does not say which memory";
        }
        int bytes = bytes(parts);
        if (!parts.contains("global") || bytes >= BULK_BYTES) {
            return "";
        }
        if (bytes < FEWEST_BYTES) {
            return "an access to global memory of %d bytes".formatted(bytes);
        }
        narrow.merge((parts.get(0).equals("st") ? "st " : "ld ") + bytes, 1, Integer::sum);
        return "";
    }

    private static String copy(List<String> words, List<String> parts) {
        return switch (String.join(".", parts)) {
            case "cp.async.commit_group", "cp.async.wait_group" -> "";
            case "cp.async.cg.shared.global" ->
                    words.size() > 3 && words.get(3).equals("16") ? "" : "a copy of few bytes";
            default -> "an unknown kind of copy";
        };
    }

    /** What one thread moves: {@code .v4.u32} is 16 bytes. */
    private static int bytes(List<String> parts) {
        int bits = Integer.parseInt(parts.get(parts.size() - 1).replaceAll("\\D", ""));
        int count = parts.contains("v4") ? 4 : parts.contains("v2") ? 2 : 1;
        return bits * count / 8;
    }
}
