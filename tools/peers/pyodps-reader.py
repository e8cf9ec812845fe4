"""Reads tables with the official SDK alone. One question a line on standard input, one answer a line:
{"do": "count", "table": name}: its rows, 0 where there is no such table;
{"do": "read", "table": name, "path": file}: all of it, through Arrow, into a Parquet file."""
import json
import sys

import pyarrow
import pyarrow.parquet
from odps import ODPS, errors, types

endpoint, project, access_id, access_key = sys.argv[1:5]
odps = ODPS(access_id, access_key, project, endpoint=endpoint)


def answer(ask):
    table = odps.get_table(ask["table"])
    if ask["do"] == "count":
        try:
            with table.open_reader(reopen=True) as reader:
                return reader.count
        except errors.NoSuchObject:
            return 0
    with table.open_reader(arrow=True, reopen=True) as reader:
        rows = whole_decimals(reader.read_all(), table.table_schema)
    pyarrow.parquet.write_table(rows, ask["path"])
    return rows.num_rows


def whole_decimals(rows, schema):
    """pyodps takes a scale of 0 for none given, and calls the numbers of such a column decimals of 18 digits behind the
    point: the same bits, under their own type."""
    for at, column in enumerate(schema.simple_columns):
        if not isinstance(column.type, types.Decimal) or column.type.scale != 0:
            continue
        kind = pyarrow.decimal128(column.type.precision, 0)
        chunks = [
            pyarrow.Array.from_buffers(kind, len(one), one.buffers(), offset=one.offset)
            for one in rows.column(at).chunks
        ]
        rows = rows.set_column(at, column.name, pyarrow.chunked_array(chunks, type=kind))
    return rows


for line in sys.stdin:
    try:
        told = {"value": answer(json.loads(line))}
    except Exception as error:  # The one who asked decides what it means.
        told = {"error": f"{type(error).__name__}: {error}"[:500]}
    print(json.dumps(told), flush=True)
