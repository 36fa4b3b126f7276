package io.github.baichuanreward.kernels;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What {@code ptxas -v} says that each kernel takes of one architecture. */
final class AssemblerLog {

    private static final Pattern NAME = Pattern.compile("Compiling entry function '(\\w+)'");
    private static final Pattern MEMORY =
            Pattern.compile(
                    "(\\d+) bytes stack frame, (\\d+) bytes spill stores, (\\d+) bytes spill loads");
    private static final Pattern REGISTERS = Pattern.compile("Used (\\d+) registers");
    private static final Pattern SHARED = Pattern.compile("(\\d+) bytes smem");

    /** Registers of a thread; bytes of a thread's stack and spills, of a block's static memory. */
    record Use(int registers, int shared, int stack, int spillStores, int spillLoads) {

        private Use plus(Use other) {
            return new Use(
                    registers + other.registers,
                    shared + other.shared,
                    stack + other.stack,
                    spillStores + other.spillStores,
                    spillLoads + other.spillLoads);
        }
    }

    private AssemblerLog() {}

    /** Returns what each kernel of a log uses. */
    static Map<String, Use> parse(String log) {
        Map<String, Use> uses = new TreeMap<>();
        String kernel = "";
        for (String line : log.lines().toList()) {
            Matcher name = NAME.matcher(line);
            if (name.find()) {
                kernel = name.group(1);
            }
            Matcher memory = MEMORY.matcher(line);
            if (memory.find()) {
                Use use = new Use(0, 0, number(memory, 1), number(memory, 2), number(memory, 3));
                uses.merge(kernel, use, Use::plus);
            }
            Matcher registers = REGISTERS.matcher(line);
            if (registers.find()) {
                Matcher shared = SHARED.matcher(line);
                int bytes = shared.find() ? number(shared, 1) : 0;
                uses.merge(kernel, new Use(number(registers, 1), bytes, 0, 0, 0), Use::plus);
            }
        }
        return uses;
    }

    /** Returns what is wrong, in words, in the logs of some architectures. */
    static List<String> problems(Map<String, Map<String, Use>> logs, List<String> expected) {
        List<String> problems = new ArrayList<>();
        logs.forEach(
                (architecture, uses) -> {
                    TreeSet<String> missing = new TreeSet<>(expected);
                    missing.removeAll(uses.keySet());
                    missing.forEach(name -> problems.add(architecture + ": no " + name));
                    uses.forEach(
                            (kernel, use) -> {
                                if (use.registers() == 0) {
                                    problems.add(architecture + ": no registers of " + kernel);
                                }
                                if (use.stack() + use.spillStores() + use.spillLoads() > 0) {
                                    problems.add(
                                            "%s: %s has a stack frame of %d bytes, spills %d and reloads %d"
                                                    .formatted(
                                                            architecture,
                                                            kernel,
                                                            use.stack(),
                                                            use.spillStores(),
                                                            use.spillLoads()));
                                }
                            });
                });
        return problems;
    }

    /** Returns a table of all kernels and architectures. */
    static String table(Map<String, Map<String, Use>> logs, Occupancy occupancy) {
        StringBuilder table =
                new StringBuilder(
                        "registers / bytes of static shared memory / bytes spilled / blocks of a"
                                + " multiprocessor\n");
        table.append("%-28s".formatted("kernel"));
        logs.keySet().forEach(architecture -> table.append("%18s".formatted(architecture)));
        TreeSet<String> kernels = new TreeSet<>();
        logs.values().forEach(uses -> kernels.addAll(uses.keySet()));
        for (String kernel : kernels) {
            table.append("\n%-28s".formatted(kernel));
            logs.forEach(
                    (architecture, uses) -> {
                        Use use = uses.get(kernel);
                        String cell =
                                use == null ? "-" : cell(architecture, kernel, use, occupancy);
                        table.append("%18s".formatted(cell));
                    });
        }
        return table.append('\n').toString();
    }

    private static String cell(String architecture, String kernel, Use use, Occupancy occupancy) {
        int spilled = use.spillStores() + use.spillLoads();
        int blocks = occupancy.blocks(architecture, kernel, use);
        return "%d / %d / %d / %d".formatted(use.registers(), use.shared(), spilled, blocks);
    }

    private static int number(Matcher match, int group) {
        return Integer.parseInt(match.group(group));
    }
}
