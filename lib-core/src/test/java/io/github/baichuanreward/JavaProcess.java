package io.github.baichuanreward;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A JVM of its own for what a test cannot do in this one: other heaps, other threads, a kill. */
public final class JavaProcess {

    private JavaProcess() {}

    /**
     * Prepares this Java with this class path.
     *
     * @param options of the JVM, such as {@code -Xmx48m}
     * @param main the class that it runs
     * @param args its arguments
     */
    public static ProcessBuilder of(List<String> options, Class<?> main, String... args) {
        return of(options, System.getProperty("java.class.path"), main, args);
    }

    /** Prepares this Java with another class path. */
    public static ProcessBuilder of(
            List<String> options, String classPath, Class<?> main, String... args) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        if (Runtime.version().feature() >= 22) {
            // As the launcher does; or Java warns of the tokenizer's library on standard error.
            command.add("--enable-native-access=ALL-UNNAMED");
        }
        command.addAll(options);
        command.addAll(List.of("-cp", classPath, main.getName()));
        command.addAll(Arrays.asList(args));
        return new ProcessBuilder(command);
    }
}
