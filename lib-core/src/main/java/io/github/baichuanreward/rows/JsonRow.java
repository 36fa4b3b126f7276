package io.github.baichuanreward.rows;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.io.JsonStringEncoder;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.baichuanreward.PromptAnswer;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One row of an input file: a JSON object with the text that it had in the file.
 *
 * <p>The text is kept, and written back with the results spliced in, so that fields which nobody
 * asked about pass through untouched: numbers digit for digit, escapes, spaces and order.
 */
public final class JsonRow implements Row {

    private static final JsonFactory JSON =
            JsonFactory.builder()
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .streamReadConstraints(
                            StreamReadConstraints.builder()
                                    .maxNameLength(Integer.MAX_VALUE)
                                    .maxStringLength(Integer.MAX_VALUE)
                                    .maxNumberLength(Integer.MAX_VALUE)
                                    .build())
                    .build();

    private static final ObjectMapper TREES = new ObjectMapper(JSON);

    private static final String PAIRS = "an array of [prompt, answer] pairs";

    /** A value's place in the text. */
    private record Span(int from, int to) {}

    private final String text;
    private final Map<String, Span> fields;
    private final long line;

    private JsonRow(String text, Map<String, Span> fields, long line) {
        this.text = text;
        this.fields = fields;
        this.line = line;
    }

    /**
     * Reads one row.
     *
     * @param text a JSON object with nothing but white space around it
     * @param line line of the file where {@code text} begins
     * @throws RowException if {@code text} is anything else, or names a field twice
     */
    static JsonRow parse(String text, long line) throws RowException {
        try (JsonParser parser = JSON.createParser(text)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                throw new RowException(
                        line,
                        "a row is an object, {...}, but this is " + kind(parser.currentToken()));
            }
            int begin = (int) parser.currentTokenLocation().getCharOffset();
            Map<String, Span> fields = new LinkedHashMap<>();
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String name = parser.currentName();
                parser.nextToken();
                fields.put(name, span(parser, begin));
            }
            int end = (int) parser.currentLocation().getCharOffset();
            if (parser.nextToken() != null) {
                throw new RowException(line, "there is more after the row's closing brace");
            }
            return new JsonRow(text.substring(begin, end), fields, line);
        } catch (JsonProcessingException e) {
            throw notJson(e, line);
        } catch (IOException e) {
            throw new AssertionError("reading from a string failed", e);
        }
    }

    /** Where the value lies that {@code parser} stands on, counted from {@code begin}. */
    private static Span span(JsonParser parser, int begin) throws IOException {
        int from = (int) parser.currentTokenLocation().getCharOffset();
        parser.skipChildren();
        parser.finishToken();
        int to = (int) parser.currentLocation().getCharOffset();
        return new Span(from - begin, to - begin);
    }

    private static RowException notJson(JsonProcessingException e, long line) {
        JsonLocation place = e.getLocation();
        if (place == null) {
            // So it is where a row is valid JSON, but passes a limit of the parser.
            return new RowException(line, "cannot be read: " + plain(e), e);
        }
        return new RowException(
                line + Math.max(0, place.getLineNr() - 1),
                "not valid JSON at column %d: %s".formatted(place.getColumnNr(), plain(e)),
                e);
    }

    /** The parser's own words without its advice to programmers. */
    private static String plain(JsonProcessingException e) {
        return e.getOriginalMessage()
                .replaceAll(": enable `JsonReadFeature[^`]*` to allow", " is not JSON")
                .replaceAll(", from `[^`]*`", "")
                .replaceAll("(?s)\\s*\\((for|start) [^\\[]*\\[Source.*$", "")
                .replaceAll("\\s*[\\r\\n]+\\s*", " ");
    }

    @Override
    public long line() {
        return line;
    }

    @Override
    public boolean has(String name) {
        return fields.containsKey(name);
    }

    @Override
    public boolean isNull(String name) {
        return has(name) && text.startsWith("null", span(name).from);
    }

    /** True if field {@code name} is there and holds an array. */
    boolean isArray(String name) {
        return has(name) && text.startsWith("[", span(name).from);
    }

    @Override
    public int length() {
        return text.length();
    }

    @Override
    public String string(String name) throws RowException {
        try (JsonParser parser = value(name)) {
            return string(parser, quote(name));
        } catch (IOException e) {
            throw unreadable(name, e);
        }
    }

    @Override
    public int[] ids(String name) throws RowException {
        int[] ids = new int[16];
        int count = 0;
        try (JsonParser parser = value(name)) {
            require(parser, JsonToken.START_ARRAY, quote(name), "an array of integers");
            while (parser.nextToken() != JsonToken.END_ARRAY) {
                if (count == ids.length) {
                    ids = Arrays.copyOf(ids, 2 * count);
                }
                ids[count] = id(parser, quote(name) + "[" + count + "]");
                count++;
            }
        } catch (IOException e) {
            throw unreadable(name, e);
        }
        return Arrays.copyOf(ids, count);
    }

    @Override
    public JsonNode json(String name) throws RowException {
        try (JsonParser parser = value(name)) {
            return TREES.readTree(parser);
        } catch (IOException e) {
            throw unreadable(name, e);
        }
    }

    @Override
    public PromptAnswer promptAnswer() throws RowException {
        return new PromptAnswer(string("prompt"), string("answer"), history("history"));
    }

    @Override
    public List<PromptAnswer.Turn> history(String name) throws RowException {
        List<PromptAnswer.Turn> turns = new ArrayList<>();
        if (!has(name)) {
            return turns;
        }
        try (JsonParser parser = value(name)) {
            if (parser.currentToken() == JsonToken.VALUE_NULL) {
                return turns;
            }
            require(parser, JsonToken.START_ARRAY, quote(name), PAIRS);
            while (parser.nextToken() != JsonToken.END_ARRAY) {
                turns.add(turn(parser, quote(name) + "[" + turns.size() + "]"));
            }
        } catch (IOException e) {
            throw unreadable(name, e);
        }
        return turns;
    }

    private PromptAnswer.Turn turn(JsonParser parser, String place)
            throws RowException, IOException {
        require(parser, JsonToken.START_ARRAY, place, "a [prompt, answer] pair");
        parser.nextToken();
        String prompt = string(parser, place + "[0]");
        parser.nextToken();
        String answer = string(parser, place + "[1]");
        if (parser.nextToken() != JsonToken.END_ARRAY) {
            throw new RowException(line, place + " must be a [prompt, answer] pair; it has more");
        }
        return new PromptAnswer.Turn(prompt, answer);
    }

    private int id(JsonParser parser, String place) throws RowException, IOException {
        require(parser, JsonToken.VALUE_NUMBER_INT, place, "an integer");
        try {
            return Integer.parseInt(parser.getText());
        } catch (NumberFormatException e) {
            throw new RowException(
                    line, place + " is " + parser.getText() + ", too large for a token id", e);
        }
    }

    private String string(JsonParser parser, String place) throws RowException, IOException {
        require(parser, JsonToken.VALUE_STRING, place, "a string");
        return parser.getText();
    }

    private void require(JsonParser parser, JsonToken wanted, String place, String wantedName)
            throws RowException {
        if (parser.currentToken() != wanted) {
            throw new RowException(
                    line,
                    place + " must be " + wantedName + ", but is " + kind(parser.currentToken()));
        }
    }

    /** A parser that stands on the value of field {@code name}. */
    private JsonParser value(String name) throws RowException, IOException {
        Span span = fields.get(name);
        if (span == null) {
            throw new RowException(line, "field " + quote(name) + " is missing");
        }
        JsonParser parser = JSON.createParser(text.substring(span.from, span.to));
        parser.nextToken();
        return parser;
    }

    private RowException unreadable(String name, IOException e) {
        return new RowException(
                line, "field " + quote(name) + " cannot be read: " + e.getMessage(), e);
    }

    @Override
    public String with(Map<String, String> values) {
        StringBuilder row = new StringBuilder(text);
        row.setLength(row.length() - 1);
        int end = row.toString().stripTrailing().length();
        row.setLength(end);
        boolean empty = fields.isEmpty();
        for (Map.Entry<String, String> value : values.entrySet()) {
            if (!fields.containsKey(value.getKey())) {
                row.append(empty ? "" : ", ");
                row.append(quote(value.getKey())).append(": ").append(value.getValue());
                empty = false;
            }
        }
        row.append('}');
        values.keySet().stream()
                .filter(fields::containsKey)
                .sorted(Comparator.comparingInt(name -> -span(name).from))
                .forEach(name -> row.replace(span(name).from, span(name).to, values.get(name)));
        return onOneLine(row);
    }

    /**
     * Each line end with the white space around it becomes one space. It can only stand between
     * values, since inside strings JSON writes it as an escape.
     */
    private static String onOneLine(StringBuilder row) {
        StringBuilder line = new StringBuilder(row.length());
        for (int i = 0; i < row.length(); i++) {
            char c = row.charAt(i);
            if (c != '\n' && c != '\r') {
                line.append(c);
                continue;
            }
            int end = line.length();
            while (end > 0 && RowReader.isSpace(line.charAt(end - 1))) {
                end--;
            }
            line.setLength(end);
            line.append(' ');
            while (i + 1 < row.length() && RowReader.isSpace(row.charAt(i + 1))) {
                i++;
            }
        }
        return line.toString();
    }

    private Span span(String name) {
        Span span = fields.get(name);
        if (span == null) {
            throw new AssertionError("no field " + name);
        }
        return span;
    }

    @Override
    public Map<String, String> cells() {
        Map<String, String> cells = new LinkedHashMap<>();
        fields.forEach((name, span) -> cells.put(name, cell(text.substring(span.from, span.to))));
        return cells;
    }

    @Override
    public RowException needs(String wanted) {
        return new RowException(line, "a row needs " + wanted);
    }

    /** A row without fields. */
    public static JsonRow empty() {
        return new JsonRow("{}", Map.of(), 1);
    }

    /** What a JSON value looks like in a table: the text itself, null as nothing, else as JSON. */
    static String cell(String json) {
        if (json.equals("null")) {
            return "";
        }
        if (!json.startsWith("\"")) {
            return onOneLine(new StringBuilder(json));
        }
        try (JsonParser parser = JSON.createParser(json)) {
            parser.nextToken();
            return parser.getText();
        } catch (IOException e) {
            throw new AssertionError("not a JSON string: " + json, e);
        }
    }

    /** True if {@code text} is one JSON value. */
    static boolean isValue(String text) {
        try (JsonParser parser = JSON.createParser(text)) {
            parser.nextToken();
            parser.skipChildren();
            return parser.nextToken() == null;
        } catch (IOException e) {
            return false;
        }
    }

    /** A row of the fields given, in their order; values are JSON. */
    static String of(Map<String, String> values) {
        return empty().with(values);
    }

    /** {@code text} as a JSON string. */
    public static String quote(String text) {
        return '"' + new String(JsonStringEncoder.getInstance().quoteAsString(text)) + '"';
    }

    /** What kind of value {@code json} is, for a message. */
    public static String kind(JsonNode json) {
        return kind(json.asToken());
    }

    private static String kind(@Nullable JsonToken token) {
        if (token == null) {
            return "nothing";
        }
        return switch (token) {
            case START_OBJECT, END_OBJECT -> "an object";
            case START_ARRAY -> "an array";
            case END_ARRAY -> "missing";
            case VALUE_STRING -> "a string";
            case VALUE_NUMBER_INT -> "an integer";
            case VALUE_NUMBER_FLOAT -> "a number with a fraction";
            case VALUE_TRUE -> "true";
            case VALUE_FALSE -> "false";
            case VALUE_NULL -> "null";
            default -> token.toString();
        };
    }
}
