package io.github.baichuanreward.rows;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.baichuanreward.PromptAnswer;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * One row of a table. Cells are texts, but for those of two columns: {@code input_ids} and {@code
 * history} hold JSON arrays, ids also with nothing but spaces or commas between them. Other cells
 * are read as JSON only by whoever asks for that.
 */
final class CellRow implements Row {

    private static final String IDS = "input_ids";
    private static final String HISTORY = "history";

    private static final Pattern BETWEEN_IDS = Pattern.compile("\\s*,\\s*|\\s+");
    private static final Pattern ID = Pattern.compile("-?[0-9]+");

    private static final int SHOWN = 40;

    private final List<String> columns;
    private final List<String> cells;
    private final JsonRow json;
    private final int length;

    private CellRow(List<String> columns, List<String> cells, JsonRow json) {
        this.columns = columns;
        this.cells = cells;
        this.json = json;
        this.length = cells.stream().mapToInt(String::length).sum() + json.length();
    }

    /**
     * @param columns names, each once
     * @param cells one a column
     */
    static CellRow of(List<String> columns, List<String> cells, long line) throws RowException {
        Map<String, String> values = new LinkedHashMap<>();
        for (int i = 0; i < columns.size(); i++) {
            values.put(columns.get(i), json(columns.get(i), cells.get(i)));
        }
        return new CellRow(columns, cells, JsonRow.parse(JsonRow.of(values), line));
    }

    /** What a cell is as JSON; a text where it is nothing better. */
    private static String json(String column, String cell) {
        if (!column.equals(IDS) && !column.equals(HISTORY)) {
            return JsonRow.quote(cell);
        }
        String text = cell.strip();
        if (text.isEmpty()) {
            return "null";
        }
        if (text.startsWith("[")) {
            return JsonRow.isValue(text) ? text : JsonRow.quote(cell);
        }
        List<String> parts = List.of(BETWEEN_IDS.split(text, -1));
        return column.equals(IDS) && parts.stream().allMatch(part -> ID.matcher(part).matches())
                ? String.join(", ", parts).transform(ids -> "[" + ids + "]")
                : JsonRow.quote(cell);
    }

    /** Names of columns as a message shows them. */
    static String list(List<String> columns) {
        return columns.stream().map(name -> '"' + name + '"').collect(Collectors.joining(", "));
    }

    @Override
    public long line() {
        return json.line();
    }

    @Override
    public int length() {
        return length;
    }

    @Override
    public boolean has(String name) {
        return json.has(name);
    }

    @Override
    public boolean isNull(String name) {
        return json.isNull(name);
    }

    @Override
    public String string(String name) throws RowException {
        requireColumn(name);
        return json.string(name);
    }

    @Override
    public int[] ids(String name) throws RowException {
        requireColumn(name);
        requireArray(json, name, "token ids, like 5 6 7 or [5, 6, 7]");
        return json.ids(name);
    }

    @Override
    public JsonNode json(String name) throws RowException {
        requireColumn(name);
        return asJson(name).json(name);
    }

    @Override
    public List<PromptAnswer.Turn> history(String name) throws RowException {
        if (!has(name) || cell(name).isBlank()) {
            return List.of();
        }
        JsonRow turns = asJson(name);
        requireArray(turns, name, "a JSON array of [prompt, answer] pairs");
        return turns.history(name);
    }

    /** A row of one field: the array or the object that a cell is in JSON, or else its text. */
    private JsonRow asJson(String name) throws RowException {
        String text = cell(name).strip();
        boolean nested = text.startsWith("[") || text.startsWith("{");
        String value = nested && JsonRow.isValue(text) ? text : JsonRow.quote(cell(name));
        return JsonRow.parse(JsonRow.of(Map.of(name, value)), line());
    }

    private String cell(String name) {
        return cells.get(columns.indexOf(name));
    }

    @Override
    public PromptAnswer promptAnswer() throws RowException {
        requireColumn("prompt");
        requireColumn("answer");
        if (has(HISTORY) && !isNull(HISTORY)) {
            requireArray(json, HISTORY, "a JSON array of [prompt, answer] pairs");
        }
        return json.promptAnswer();
    }

    private void requireColumn(String name) throws RowException {
        if (!has(name)) {
            throw needs("column \"" + name + "\"");
        }
    }

    private void requireArray(JsonRow row, String name, String wanted) throws RowException {
        String cell = cell(name);
        if (!row.isArray(name)) {
            String shown = cell.length() > SHOWN ? cell.substring(0, SHOWN) + "..." : cell;
            throw new RowException(
                    line(),
                    "\"%s\" must be %s, but is %s"
                            .formatted(
                                    name, wanted, cell.isBlank() ? "empty" : JsonRow.quote(shown)));
        }
    }

    @Override
    public String with(Map<String, String> values) {
        return json.with(values);
    }

    @Override
    public Map<String, String> cells() {
        Map<String, String> byColumn = new LinkedHashMap<>();
        for (int i = 0; i < columns.size(); i++) {
            byColumn.put(columns.get(i), cells.get(i));
        }
        return byColumn;
    }

    @Override
    public RowException needs(String fields) {
        return new RowException(
                line(),
                "a row needs "
                        + fields
                        + "; the columns, as the file's first row names them, are "
                        + list(columns));
    }
}
