"""The official Python SDK at work, told what to do by lines of JSON on standard input and answering on standard output.

Values travel as text that is exact: whole numbers and decimals as digits, FLOAT and DOUBLE as their bits in hex (NaN as
"nan"), BINARY as hex, DATE as yyyy-mm-dd, DATETIME as microseconds, TIMESTAMP and TIMESTAMP_NTZ as nanoseconds since 1970,
intervals as nanoseconds or months, ARRAY and STRUCT as lists, MAP as a list of pairs.
"""

import json
import math
import struct
import sys
from datetime import date, datetime, timedelta
from decimal import Decimal

import pandas as pd
import pyarrow as pa
from odps import ODPS, errors, options, types
from odps.models import TableSchema
from odps.tunnel import TableTunnel

options.sql.use_odps2_extension = True
options.local_timezone = False
options.retry_times = 0
options.allow_antique_date = True

EPOCH = datetime(1970, 1, 1)
odps = None
tunnel = None


def connect(endpoint, project, access_id, access_key, schema=None):
    global odps, tunnel
    options.enable_schema = schema is not None
    odps = ODPS(access_id, access_key, project, endpoint=endpoint, schema=schema)
    tunnel = TableTunnel(odps)


def create_schema(name):
    odps.create_schema(name)


def delete_schema(name):
    odps.delete_schema(name)


def schemas():
    return sorted(one.name for one in odps.list_schemas())


def to_text(kind, value):
    if value is None:
        return None
    if kind in (types.float_, types.double):
        return "nan" if math.isnan(value) else struct.pack("<f" if kind == types.float_ else "<d", value).hex()
    if kind == types.boolean:
        return "true" if value else "false"
    if kind == types.binary:
        return bytes(value).hex()
    if kind == types.date:
        return value.isoformat()
    if kind == types.datetime:
        return str((value.replace(tzinfo=None) - EPOCH) // timedelta(microseconds=1))
    if kind in (types.timestamp, types.timestamp_ntz):
        return str(pd.Timestamp(value).as_unit("ns").value)
    if kind == types.interval_day_time:
        return str(pd.Timedelta(value).as_unit("ns").value)
    if kind == types.interval_year_month:
        return str(value.total_months())
    if kind == types.json:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    if isinstance(kind, types.Decimal):
        return format(value if isinstance(value, Decimal) else Decimal(value), "f")
    if isinstance(kind, types.Array):
        return [to_text(kind.value_type, one) for one in value]
    if isinstance(kind, types.Map):
        return [[to_text(kind.key_type, key), to_text(kind.value_type, one)] for key, one in value.items()]
    if isinstance(kind, types.Struct):
        values = value if isinstance(value, (list, tuple)) else value.values()
        return [to_text(inner, one) for inner, one in zip(kind.field_types.values(), values)]
    return str(value)


def from_text(kind, text):
    if text is None:
        return None
    if kind in types.integer_types:
        return int(text)
    if kind in (types.float_, types.double):
        if text == "nan":
            return math.nan
        return struct.unpack("<f" if kind == types.float_ else "<d", bytes.fromhex(text))[0]
    if kind == types.boolean:
        return text == "true"
    if kind == types.binary:
        return bytes.fromhex(text)
    if kind == types.date:
        return date.fromisoformat(text)
    if kind == types.datetime:
        return EPOCH + timedelta(microseconds=int(text))
    if kind in (types.timestamp, types.timestamp_ntz):
        return pd.Timestamp(int(text), unit="ns")
    if kind == types.interval_day_time:
        return pd.Timedelta(int(text), unit="ns")
    if kind == types.interval_year_month:
        from odps.compat import Monthdelta

        return Monthdelta(int(text))
    if kind == types.json:
        return json.loads(text)
    if isinstance(kind, types.Decimal):
        return Decimal(text)
    if isinstance(kind, types.Array):
        return [from_text(kind.value_type, one) for one in text]
    if isinstance(kind, types.Map):
        return {from_text(kind.key_type, key): from_text(kind.value_type, one) for key, one in text}
    if isinstance(kind, types.Struct):
        return tuple(from_text(inner, one) for inner, one in zip(kind.field_types.values(), text))
    return text


def create_table(name, columns, partitions=None, **how):
    schema = TableSchema.from_lists(
        [column[0] for column in columns],
        [column[1] for column in columns],
        [one[0] for one in partitions or []],
        [one[1] for one in partitions or []],
    )
    odps.create_table(name, schema, **how)


def describe(name):
    table = odps.get_table(name)
    table.reload()
    return {
        "columns": [[one.name, str(one.type).lower()] for one in table.table_schema.simple_columns],
        "partitions": [[one.name, str(one.type).lower()] for one in table.table_schema.partitions],
        "comment": table.comment,
        "lifecycle": table.lifecycle,
    }


def tables(prefix, schema=None):
    return sorted(one.name for one in odps.list_tables(prefix=prefix, schema=schema))


def exists(name):
    return odps.exist_table(name)


def partitions(name):
    return sorted(str(one.name) for one in odps.get_table(name).partitions)


def add_partition(name, spec):
    odps.get_table(name).create_partition(spec, if_not_exists=True)


def drop_partition(name, spec):
    odps.get_table(name).delete_partition(spec)


def drop(name):
    odps.delete_table(name)


def named(name):
    """A name with a schema is looked up; the tunnel would take it for one of the schema "default"."""
    return odps.get_table(name) if "." in name else name


def upsert(name, rows, partition=None, compress=None, abort=False):
    """Rows of an operation and its cells; a row without them sends what was given so far."""
    options_ = {} if compress is None else {'compress_option': compress_option(compress)}
    session = tunnel.create_upsert_session(name, partition_spec=partition, **options_)
    stream = session.open_upsert_stream(compress=compress is not None)
    for operation, *cells in rows:
        if operation == 'flush':
            stream.flush()
            continue
        kinds = [column.type for column in session.schema.columns]
        values = [from_text(kind, cell) for kind, cell in zip(kinds, cells)]
        (stream.delete if operation == 'delete' else stream.upsert)(session.new_record(values))
    stream.close()
    session.abort() if abort else session.commit()


def write_table(name, rows):
    """The easy way: it finds out by itself that a table is written by key."""
    table = odps.get_table(name)
    with table.open_writer() as writer:
        kinds = [column.type for column in table.table_schema.columns]
        writer.write([[from_text(kind, cell) for kind, cell in zip(kinds, row)] for row in rows])


def upload_session(name, partition=None, overwrite=False, compress=None):
    options_ = {} if compress is None else {"compress_option": compress_option(compress)}
    return tunnel.create_upload_session(named(name), partition_spec=partition, overwrite=overwrite, **options_)


def compress_option(name):
    from odps.tunnel import CompressOption

    return CompressOption(getattr(CompressOption.CompressAlgorithm, name))


def write(name, blocks, partition=None, overwrite=False, compress=None):
    session = upload_session(name, partition, overwrite, compress)
    for number, rows in enumerate(blocks):
        with session.open_record_writer(number, compress=compress is not None) as writer:
            for row in rows:
                writer.write(record_of(session, row))
    session.commit(list(range(len(blocks))))


def record_of(session, row):
    kinds = [column.type for column in session.schema.simple_columns]
    return session.new_record([from_text(kind, text) for kind, text in zip(kinds, row)])


def write_arrow(name, blocks, partition=None, compress=None):
    session = upload_session(name, partition, False, compress)
    columns = session.schema.simple_columns
    fields = [pa.field(column.name, arrow_type(column.type)) for column in columns]
    for number, rows in enumerate(blocks):
        with session.open_arrow_writer(number, compress=compress is not None) as writer:
            arrays = [
                pa.array([arrow_value(column.type, row[at]) for row in rows], type=field.type)
                for at, (column, field) in enumerate(zip(columns, fields))
            ]
            writer.write(pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields)))
    session.commit(list(range(len(blocks))))


def arrow_type(kind):
    from odps.tunnel.io.types import odps_type_to_arrow_type

    return odps_type_to_arrow_type(kind)


def arrow_value(kind, text):
    if text is None:
        return None
    if kind in (types.timestamp, types.timestamp_ntz):
        return int(text)
    if kind == types.datetime:
        return int(text) // 1000
    if kind == types.interval_day_time:
        sec, nano = divmod(int(text), 1_000_000_000)
        return {"sec": sec, "nano": nano}
    if isinstance(kind, types.Array):
        return [arrow_value(kind.value_type, one) for one in text]
    if isinstance(kind, types.Map):
        return [(arrow_value(kind.key_type, key), arrow_value(kind.value_type, one)) for key, one in text]
    if isinstance(kind, types.Struct):
        return {name: arrow_value(inner, one) for (name, inner), one in zip(kind.field_types.items(), text)}
    return from_text(kind, text)


def read(name, partition=None, start=0, count=None, columns=None, compress=None):
    options_ = {} if compress is None else {"compress_option": compress_option(compress)}
    session = tunnel.create_download_session(named(name), partition_spec=partition, **options_)
    wanted = session.count if count is None else count
    kinds = [session.schema[one].type for one in columns or [one.name for one in session.schema.simple_columns]]
    rows = []
    with session.open_record_reader(start, wanted, columns=columns, compress=compress is not None) as reader:
        for record in reader:
            rows.append([to_text(kind, value) for kind, value in zip(kinds, record.values)])
    return {"count": session.count, "rows": rows}


def read_arrow(name, partition=None, compress=None):
    options_ = {} if compress is None else {"compress_option": compress_option(compress)}
    session = tunnel.create_download_session(named(name), partition_spec=partition, **options_)
    kinds = [column.type for column in session.schema.simple_columns]
    rows = []
    with session.open_arrow_reader(0, session.count, compress=compress is not None) as reader:
        for batch in reader:
            columns = [[arrow_text(kind, one) for one in column] for kind, column in zip(kinds, batch.columns)]
            rows.extend([list(row) for row in zip(*columns)])
    return {"count": session.count, "rows": rows}


def arrow_text(kind, scalar):
    if not scalar.is_valid:
        return None
    if kind in (types.timestamp, types.timestamp_ntz):
        return str(scalar.value)
    if kind == types.datetime:
        return str(scalar.value * {"s": 1000000, "ms": 1000, "us": 1}[scalar.type.unit])
    if kind == types.interval_day_time:
        return str(scalar["sec"].as_py() * 1_000_000_000 + scalar["nano"].as_py())
    if isinstance(kind, types.Array):
        return [arrow_text(kind.value_type, one) for one in scalar.values]
    if isinstance(kind, types.Map):
        return [[arrow_text(kind.key_type, one[0]), arrow_text(kind.value_type, one[1])] for one in scalar.values]
    if isinstance(kind, types.Struct):
        return [arrow_text(inner, scalar[name]) for name, inner in kind.field_types.items()]
    return to_text(kind, scalar.as_py())


def preview(name, limit, columns=None):
    table = odps.get_table(name)
    kinds = [one.type for one in table.table_schema.simple_columns if columns is None or one.name in columns]
    with tunnel.open_preview_reader(table, limit=limit, columns=columns, arrow=False) as reader:
        return [[to_text(kind, value) for kind, value in zip(kinds, record.values)] for record in reader]


def sql(text, hints=None):
    instance = odps.execute_sql(text, hints=hints)
    with instance.open_reader(tunnel=False) as reader:
        if not hasattr(reader, "_schema") or reader._schema is None:
            return {"text": reader.raw}
        return {"rows": [[None if one is None else str(one) for one in record.values] for record in reader]}


def run(text):
    odps.execute_sql(text)


def sql_through_tunnel(text):
    with odps.execute_sql(text).open_reader(tunnel=True, limit=False) as reader:
        kinds = [column.type for column in reader.schema.columns]
        return [[to_text(kind, value) for kind, value in zip(kinds, record.values)] for record in reader]


def put_twice(name, first, second):
    """One block written twice: the last success wins."""
    session = upload_session(name)
    for rows in (first, second):
        with session.open_record_writer(3) as writer:
            for row in rows:
                writer.write(record_of(session, row))
    session.commit([3])


def commit_blocks(name, written, named):
    session = upload_session(name)
    for block in written:
        with session.open_record_writer(block) as writer:
            writer.write(record_of(session, [str(block)]))
    session.commit(named)


def reload_upload(name, session_id):
    return str(tunnel.create_upload_session(name, upload_id=session_id).status)


COMMANDS = {name: one for name, one in list(globals().items()) if callable(one)}

for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"ok": True, "value": COMMANDS[request["do"]](*request["with"], **request["how"])}
    except errors.ODPSError as error:
        answer = {"ok": False, "error": type(error).__name__, "code": error.code, "message": str(error)}
    except Exception as error:
        answer = {"ok": False, "error": type(error).__name__, "code": None, "message": str(error)}
    print("answer " + json.dumps(answer), flush=True)
