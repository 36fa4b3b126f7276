package io.github.baichuanreward.cuda;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What {@code kernels.h} says, read as text. */
final class KernelsHeader {

    private static final Pattern CONSTANTS = Pattern.compile("constexpr int ([^;]+);");
    private static final Pattern CONSTANT = Pattern.compile("(\\w+) = ([^,]+)");
    private static final Pattern DECLARATION =
            Pattern.compile("extern \"C\" __global__ void (\\w+)\\(([^)]*)\\)");

    private final String text;

    private KernelsHeader(String text) {
        this.text = text;
    }

    static KernelsHeader read() throws IOException {
        Path file = Path.of(System.getProperty("kernels.directory"), "src/main/cuda/kernels.h");
        return new KernelsHeader(
                Files.readString(file)
                        .replaceAll("//[^\n]*", "")
                        .replace("\\\n", " ")
                        .replace("_##dtype", "")
                        .replaceAll("\\s+", " "));
    }

    /** Constants by name; values may be products. */
    Map<String, Integer> constants() {
        Map<String, Integer> found = new LinkedHashMap<>();
        Matcher lines = CONSTANTS.matcher(text);
        while (lines.find()) {
            Matcher constants = CONSTANT.matcher(lines.group(1));
            while (constants.find()) {
                int value = 1;
                for (String factor : constants.group(2).split("\\*", -1)) {
                    value *= Integer.parseInt(factor.strip());
                }
                found.put(constants.group(1), value);
            }
        }
        return found;
    }

    /** Arguments of each kernel by its name without the type. */
    Map<String, String> kernels() {
        Map<String, String> found = new LinkedHashMap<>();
        Matcher declarations = DECLARATION.matcher(text);
        while (declarations.find()) {
            found.put(declarations.group(1), declarations.group(2).strip());
        }
        return found;
    }
}
