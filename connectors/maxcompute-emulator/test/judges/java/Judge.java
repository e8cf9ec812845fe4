import com.aliyun.odps.Instance;
import com.aliyun.odps.Odps;
import com.aliyun.odps.OdpsException;
import com.aliyun.odps.PartitionSpec;
import com.aliyun.odps.TableSchema;
import com.aliyun.odps.account.AliyunAccount;
import com.aliyun.odps.data.Binary;
import com.aliyun.odps.data.Char;
import com.aliyun.odps.data.IntervalDayTime;
import com.aliyun.odps.data.IntervalYearMonth;
import com.aliyun.odps.data.Record;
import com.aliyun.odps.data.RecordReader;
import com.aliyun.odps.data.RecordWriter;
import com.aliyun.odps.data.SimpleStruct;
import com.aliyun.odps.data.Struct;
import com.aliyun.odps.data.Varchar;
import com.aliyun.odps.task.SQLTask;
import com.aliyun.odps.tunnel.TableTunnel;
import com.aliyun.odps.tunnel.TunnelException;
import com.aliyun.odps.tunnel.io.CompressOption;
import com.aliyun.odps.tunnel.streams.UpsertStream;
import com.aliyun.odps.type.ArrayTypeInfo;
import com.aliyun.odps.type.MapTypeInfo;
import com.aliyun.odps.type.StructTypeInfo;
import com.aliyun.odps.type.TypeInfo;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The official Java SDK at work; lines of JSON and texts of values as in judge.py. */
public class Judge {
  static Odps odps;
  static TableTunnel tunnel;

  public static void main(String[] arguments) throws Exception {
    PrintStream answers = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    Gson gson = new GsonBuilder().serializeNulls().create();
    BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = requests.readLine(); line != null; line = requests.readLine()) {
      JsonObject request = JsonParser.parseString(line).getAsJsonObject();
      JsonObject answer = new JsonObject();
      try {
        answer.add("value", call(request.get("do").getAsString(), request.getAsJsonArray("with")));
        answer.addProperty("ok", true);
      } catch (Throwable error) {
        answer.addProperty("ok", false);
        answer.addProperty("error", error.getClass().getSimpleName());
        answer.addProperty("code", codeOf(error));
        answer.addProperty("message", String.valueOf(error.getMessage()));
      }
      answers.println("answer " + gson.toJson(answer));
    }
  }

  static String codeOf(Throwable error) {
    if (error instanceof TunnelException) return ((TunnelException) error).getErrorCode();
    return error instanceof OdpsException ? ((OdpsException) error).getErrorCode() : null;
  }

  static JsonElement call(String name, JsonArray with) throws Exception {
    switch (name) {
      case "connect":
        odps = new Odps(new AliyunAccount(text(with, 2), text(with, 3)));
        odps.setEndpoint(text(with, 0));
        odps.setDefaultProject(text(with, 1));
        tunnel = new TableTunnel(odps);
        return JsonNull.INSTANCE;
      case "write":
        write(text(with, 0), with.get(1).getAsJsonArray(), text(with, 2), compress(text(with, 3)), text(with, 4) != null);
        return JsonNull.INSTANCE;
      case "upsert":
        upsert(text(with, 0), with.get(1).getAsJsonArray(), text(with, 2), compress(text(with, 3)), text(with, 4) != null);
        return JsonNull.INSTANCE;
      case "read":
        return read(text(with, 0), text(with, 1), compress(text(with, 2)));
      case "describe":
        return describe(text(with, 0));
      case "run":
        run(text(with, 0));
        return JsonNull.INSTANCE;
      case "sql":
        return sql(text(with, 0));
      case "exists":
        return new JsonPrimitive(odps.tables().exists(text(with, 0)));
      default:
        throw new IllegalArgumentException(name);
    }
  }

  static String text(JsonArray with, int at) {
    return at >= with.size() || with.get(at).isJsonNull() ? null : with.get(at).getAsString();
  }

  static CompressOption compress(String algorithm) {
    return algorithm == null ? null : new CompressOption(CompressOption.CompressAlgorithm.valueOf(algorithm), 1, 0);
  }

  static Instance started(String sql) throws OdpsException {
    Map<String, String> hints = new HashMap<>();
    hints.put("odps.sql.type.system.odps2", "true");
    hints.put("odps.sql.decimal.odps2", "true");
    return SQLTask.run(odps, odps.getDefaultProject(), sql, hints, null);
  }

  static void run(String sql) throws OdpsException {
    started(sql).waitForSuccess();
  }

  static JsonElement sql(String sql) throws Exception {
    Instance instance = started(sql);
    instance.waitForSuccess();
    JsonArray rows = new JsonArray();
    for (Record record : SQLTask.getResult(instance)) {
      JsonArray row = new JsonArray();
      for (int at = 0; at < record.getColumnCount(); at++) row.add(record.getString(at));
      rows.add(row);
    }
    return rows;
  }

  static JsonElement describe(String name) throws OdpsException {
    com.aliyun.odps.Table table = odps.tables().get(name);
    table.reload();
    JsonArray columns = new JsonArray();
    table.getSchema().getColumns().forEach(one -> {
      JsonArray column = new JsonArray();
      column.add(one.getName());
      column.add(one.getTypeInfo().getTypeName());
      columns.add(column);
    });
    return columns;
  }

  static void write(String table, JsonArray blocks, String partition, CompressOption compress, boolean overwrite) throws Exception {
    String project = odps.getDefaultProject();
    TableTunnel.UploadSession session =
        partition == null
            ? tunnel.createUploadSession(project, table, overwrite)
            : tunnel.createUploadSession(project, table, new PartitionSpec(partition), overwrite);
    Long[] ids = new Long[blocks.size()];
    TableSchema schema = session.getSchema();
    for (int block = 0; block < blocks.size(); block++) {
      ids[block] = (long) block;
      RecordWriter writer =
          compress == null ? session.openRecordWriter(block) : session.openRecordWriter(block, compress);
      for (JsonElement row : blocks.get(block).getAsJsonArray()) {
        Record record = session.newRecord();
        for (int at = 0; at < schema.getColumns().size(); at++) {
          JsonElement cell = row.getAsJsonArray().get(at);
          record.set(at, valueOf(schema.getColumn(at).getTypeInfo(), cell));
        }
        writer.write(record);
      }
      writer.close();
    }
    session.commit(ids);
  }

  /** Rows of an operation and its cells; a row without them sends what was given so far. */
  static void upsert(String table, JsonArray rows, String partition, CompressOption compress, boolean abort) throws Exception {
    TableTunnel.UpsertSession.Builder builder = tunnel.buildUpsertSession(odps.getDefaultProject(), table);
    if (partition != null) builder.setPartitionSpec(new PartitionSpec(partition));
    TableTunnel.UpsertSession session = builder.build();
    try {
      UpsertStream.Builder streams = session.buildUpsertStream();
      if (compress != null) streams.setCompressOption(compress);
      UpsertStream stream = streams.build();
      TableSchema schema = session.getSchema();
      for (JsonElement one : rows) {
        JsonArray row = one.getAsJsonArray();
        if (row.size() == 1) {
          stream.flush();
          continue;
        }
        Record record = session.newRecord();
        for (int at = 0; at < schema.getColumns().size(); at++) {
          JsonElement cell = row.get(at + 1);
          record.set(at, cell.isJsonNull() ? null : value(schema.getColumn(at).getTypeInfo(), cell.getAsString()));
        }
        if (row.get(0).getAsString().equals("delete")) stream.delete(record);
        else stream.upsert(record);
      }
      stream.close();
      if (abort) session.abort();
      else session.commit(false);
    } finally {
      session.close();
    }
  }

  static JsonElement read(String table, String partition, CompressOption compress) throws Exception {
    String project = odps.getDefaultProject();
    TableTunnel.DownloadSession session =
        partition == null
            ? tunnel.createDownloadSession(project, table)
            : tunnel.createDownloadSession(project, table, new PartitionSpec(partition));
    JsonArray rows = new JsonArray();
    RecordReader reader =
        compress == null
            ? session.openRecordReader(0, session.getRecordCount())
            : session.openRecordReader(0, session.getRecordCount(), compress);
    for (Record record = reader.read(); record != null; record = reader.read()) {
      JsonArray row = new JsonArray();
      for (int at = 0; at < record.getColumnCount(); at++) {
        row.add(cellOf(session.getSchema().getColumn(at).getTypeInfo(), record.get(at)));
      }
      rows.add(row);
    }
    reader.close();
    return rows;
  }

  static Object valueOf(TypeInfo type, JsonElement cell) {
    if (cell.isJsonNull()) return null;
    if (type instanceof ArrayTypeInfo) {
      List<Object> found = new ArrayList<>();
      for (JsonElement one : cell.getAsJsonArray()) found.add(valueOf(((ArrayTypeInfo) type).getElementTypeInfo(), one));
      return found;
    }
    if (type instanceof MapTypeInfo) {
      Map<Object, Object> found = new LinkedHashMap<>();
      for (JsonElement one : cell.getAsJsonArray()) {
        JsonArray pair = one.getAsJsonArray();
        found.put(
            valueOf(((MapTypeInfo) type).getKeyTypeInfo(), pair.get(0)),
            valueOf(((MapTypeInfo) type).getValueTypeInfo(), pair.get(1)));
      }
      return found;
    }
    if (type instanceof StructTypeInfo) {
      List<Object> found = new ArrayList<>();
      List<TypeInfo> types = ((StructTypeInfo) type).getFieldTypeInfos();
      for (int at = 0; at < types.size(); at++) found.add(valueOf(types.get(at), cell.getAsJsonArray().get(at)));
      return new SimpleStruct((StructTypeInfo) type, found);
    }
    return value(type, cell.getAsString());
  }

  static JsonElement cellOf(TypeInfo type, Object value) {
    if (value == null) return JsonNull.INSTANCE;
    JsonArray cells = new JsonArray();
    if (type instanceof ArrayTypeInfo) {
      for (Object one : (List<?>) value) cells.add(cellOf(((ArrayTypeInfo) type).getElementTypeInfo(), one));
      return cells;
    }
    if (type instanceof MapTypeInfo) {
      for (Map.Entry<?, ?> one : ((Map<?, ?>) value).entrySet()) {
        JsonArray pair = new JsonArray();
        pair.add(cellOf(((MapTypeInfo) type).getKeyTypeInfo(), one.getKey()));
        pair.add(cellOf(((MapTypeInfo) type).getValueTypeInfo(), one.getValue()));
        cells.add(pair);
      }
      return cells;
    }
    if (type instanceof StructTypeInfo) {
      Struct struct = (Struct) value;
      List<TypeInfo> types = ((StructTypeInfo) type).getFieldTypeInfos();
      for (int at = 0; at < types.size(); at++) cells.add(cellOf(types.get(at), struct.getFieldValue(at)));
      return cells;
    }
    return new JsonPrimitive(textOf(type, value));
  }

  static Object value(TypeInfo type, String text) {
    switch (type.getOdpsType()) {
      case TINYINT:
        return Byte.valueOf(text);
      case SMALLINT:
        return Short.valueOf(text);
      case INT:
        return Integer.valueOf(text);
      case BIGINT:
        return Long.valueOf(text);
      case FLOAT:
        return text.equals("nan") ? Float.NaN : little(text).getFloat();
      case DOUBLE:
        return text.equals("nan") ? Double.NaN : little(text).getDouble();
      case BOOLEAN:
        return Boolean.valueOf(text);
      case VARCHAR:
        return new Varchar(text);
      case CHAR:
        return new Char(text);
      case BINARY:
        return new Binary(bytes(text));
      case DECIMAL:
        return new BigDecimal(text);
      case DATE:
        return LocalDate.parse(text);
      case DATETIME:
        return ZonedDateTime.ofInstant(instant(Long.parseLong(text), 1_000_000L), ZoneOffset.UTC);
      case TIMESTAMP:
        return instant(Long.parseLong(text), 1_000_000_000L);
      case INTERVAL_DAY_TIME: {
        long nanos = Long.parseLong(text);
        return new IntervalDayTime(Math.floorDiv(nanos, 1_000_000_000L), (int) Math.floorMod(nanos, 1_000_000_000L));
      }
      case INTERVAL_YEAR_MONTH:
        return new IntervalYearMonth(Integer.parseInt(text));
      case TIMESTAMP_NTZ:
        return LocalDateTime.ofInstant(instant(Long.parseLong(text), 1_000_000_000L), ZoneOffset.UTC);
      default:
        return text;
    }
  }

  static String textOf(TypeInfo type, Object value) {
    switch (type.getOdpsType()) {
      case FLOAT:
        return Float.isNaN((Float) value) ? "nan" : hex(little(4).putFloat((Float) value).array());
      case DOUBLE:
        return Double.isNaN((Double) value) ? "nan" : hex(little(8).putDouble((Double) value).array());
      case BINARY:
        return hex(((Binary) value).data());
      case STRING:
        return value instanceof byte[] ? new String((byte[]) value, StandardCharsets.UTF_8) : String.valueOf(value);
      case DECIMAL:
        return ((BigDecimal) value).toPlainString();
      case DATETIME:
        return count(((ZonedDateTime) value).toInstant(), 1_000_000L);
      case TIMESTAMP:
        return count(value instanceof Instant ? (Instant) value : ((java.sql.Timestamp) value).toInstant(), 1_000_000_000L);
      case INTERVAL_DAY_TIME: {
        IntervalDayTime interval = (IntervalDayTime) value;
        return String.valueOf(interval.getTotalSeconds() * 1_000_000_000L + interval.getNanos());
      }
      case INTERVAL_YEAR_MONTH:
        return String.valueOf(((IntervalYearMonth) value).getTotalMonths());
      case TIMESTAMP_NTZ:
        return count(((LocalDateTime) value).toInstant(ZoneOffset.UTC), 1_000_000_000L);
      default:
        return String.valueOf(value);
    }
  }

  static Instant instant(long units, long perSecond) {
    return Instant.ofEpochSecond(Math.floorDiv(units, perSecond), Math.floorMod(units, perSecond) * (1_000_000_000L / perSecond));
  }

  static String count(Instant at, long perSecond) {
    return BigDecimal.valueOf(at.getEpochSecond())
        .multiply(BigDecimal.valueOf(perSecond))
        .add(BigDecimal.valueOf(at.getNano() / (1_000_000_000L / perSecond)))
        .toPlainString();
  }

  static ByteBuffer little(int size) {
    return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
  }

  static ByteBuffer little(String hex) {
    return ByteBuffer.wrap(bytes(hex)).order(ByteOrder.LITTLE_ENDIAN);
  }

  static byte[] bytes(String hex) {
    byte[] found = new byte[hex.length() / 2];
    for (int at = 0; at < found.length; at++) found[at] = (byte) Integer.parseInt(hex.substring(2 * at, 2 * at + 2), 16);
    return found;
  }

  static String hex(byte[] bytes) {
    StringBuilder text = new StringBuilder();
    for (byte one : bytes) text.append(String.format("%02x", one));
    return text.toString();
  }
}
