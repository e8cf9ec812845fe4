"""pyodps at full speed against a tunnel: first a line that says what it is, then one line of JSON in (what to do), one
out (rows, seconds, CPU seconds)."""

import json
import platform
import resource
import sys
import time
from datetime import date, datetime, timedelta
from decimal import Decimal

import odps
import pyarrow as pa
from odps import ODPS, options
from odps.tunnel import TableTunnel
from odps.tunnel.io import reader, writer
from odps.tunnel.io.types import odps_type_to_arrow_type

options.local_timezone = False
BATCH = 8192


def row(n):
    return [
        n,
        (n * 7) % 1000003 - 500000,
        n % 4294967291,
        Decimal(n % 99999999 - 20000000).scaleb(-4),
        n / 3.7,
        "customer %d Müller 你好" % n,
        "x" * (n % 40) + " title %d" % n,
        datetime(2020, 1, 1) + timedelta(seconds=n * 37, milliseconds=n % 1000),
        date(2000, 1, 1) + timedelta(days=n % 9000),
        n % 100 - 50,
        None if n % 5 == 0 else "note %d" % n + "é" * (n % 90),
    ]


def read_records(tunnel):
    session = tunnel.create_download_session("wide")
    rows = 0
    with session.open_record_reader(0, session.count) as reader:
        for _ in reader:
            rows += 1
    return rows


def read_arrow(tunnel):
    session = tunnel.create_download_session("wide")
    rows = 0
    with session.open_arrow_reader(0, session.count) as reader:
        for batch in reader:
            rows += batch.num_rows
    return rows


def arrow_batch(session):
    columns = session.schema.simple_columns
    fields = [pa.field(column.name, odps_type_to_arrow_type(column.type)) for column in columns]
    cells = list(zip(*[row(n) for n in range(BATCH)]))
    arrays = [pa.array(values, type=field.type) for values, field in zip(cells, fields)]
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def write_records(tunnel, rows):
    session = tunnel.create_upload_session("wide")
    values = [row(n) for n in range(BATCH)]

    def work():
        with session.open_record_writer(0) as writer:
            for _ in range(rows // BATCH):
                for one in values:
                    writer.write(session.new_record(one))
        return rows // BATCH * BATCH

    return work


def write_arrow(tunnel, rows):
    session = tunnel.create_upload_session("wide")
    batch = arrow_batch(session)

    def work():
        with session.open_arrow_writer(0) as writer:
            for _ in range(rows // BATCH):
                writer.write(batch)
        return rows // BATCH * BATCH

    return work


def about():
    """It falls back to plain Python, several times slower, where its compiled modules are not there."""
    compiled = [reader.BaseTunnelRecordReader, writer.BaseRecordWriter]
    return {
        "compiled": all(getattr(one, "__module__", "").endswith("_c") for one in compiled),
        "versions": {"pyodps": odps.__version__, "pyarrow": pa.__version__, "python": platform.python_version()},
    }


def main():
    print(json.dumps(about()), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        service = ODPS("a", "k", "p", endpoint=request["endpoint"] + "/api")
        tunnel = TableTunnel(service, endpoint=request["endpoint"])
        what = globals()[request["do"]]
        # What is written is made before the clock starts.
        work = (lambda: what(tunnel)) if request["do"].startswith("read") else what(tunnel, request["rows"])
        before = resource.getrusage(resource.RUSAGE_SELF)
        began = time.perf_counter()
        rows = work()
        seconds = time.perf_counter() - began
        after = resource.getrusage(resource.RUSAGE_SELF)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(json.dumps({"rows": rows, "seconds": seconds, "cpu": cpu, "rssMb": after.ru_maxrss // 1024}), flush=True)


main()
