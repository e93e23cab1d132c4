#!/usr/bin/env python3
"""Writes writers.json next to this script: documents as the JSON writers of other languages write them.

    python3 make.py

Needs Python 3.8 or later, node, php, ruby, java with the jars of Jackson and Gson, and mono with Newtonsoft.Json (Debian:
nodejs php-cli ruby default-jdk libjackson2-databind-java libgoogle-gson-java mono-mcs libnewtonsoft-json5.0-cil).
Nothing here uses the package that is tested with the file. The people and ids in the documents are made up.
"""

import base64
import json
import pathlib
import subprocess
import tempfile
import zlib

HERE = pathlib.Path(__file__).parent

DOCUMENTS = {
    "plain": '{"id":"evt_1","type":"task.updated","count":17,"ratio":0.5,"ok":true,"none":null}',
    "nested": '{"a":{"b":[1,2,{"c":[]}],"d":{}},"e":[[],[1],["x",{"y":"z"}]],"f":"g"}',
    "urls": '{"url":"https://example.com/a/b?x=1&y=<2>","html":"<b>Tom & \'Jerry\'</b>","sum":"1+1=2"}',
    "unicode": '{"name":"Zoë Ångström","cjk":"東京","emoji":"👍🏽","mixed":"a/é/b"}',
    "escapes": '{"quote":"say \\"hi\\"","back":"C:\\\\x","ctl":"\\u0001\\u001f\\b\\f\\n\\r\\t","sep":"a\\u2028b\\u2029c","nel":"\\u0085"}',
    "list": '[{"id":1,"tags":["a","b"]},{"id":2,"tags":[]}]',
    "webhook": '{"webhook_id":"488f6cd0a1b24f41a9f1","event_type":"task-status-updated","updated_at":"2026-03-02T09:29:59.845666+00:00",'
               '"user_id":"88fe","data_source":"payroll","tracking_info":null,"status":"done","note":"Café <a&b>","link":"https://e.com/x"}',
}


def run(command, text, cwd=None):
    return subprocess.run(command, input=text.encode(), stdout=subprocess.PIPE, check=True, cwd=cwd).stdout.decode()


def python(**how):
    return lambda text: json.dumps(json.loads(text), **how)


def node(indent):
    return lambda text: run(["node", "-e", "process.stdout.write(JSON.stringify(JSON.parse(require('fs').readFileSync(0)),null,%s))" % indent], text)


def php(flags):
    return lambda text: run(["php", "-r", "echo json_encode(json_decode(file_get_contents('php://stdin'),false),%s);" % flags], text)


def ruby(call):
    return lambda text: run(["ruby", "-rjson", "-e", "$stdin.set_encoding('UTF-8'); print JSON.%s(JSON.parse($stdin.read))" % call], text)


JAVA = """
import java.io.*; import java.nio.charset.StandardCharsets;
import com.fasterxml.jackson.databind.*; import com.fasterxml.jackson.core.*; import com.google.gson.*;
public class W { public static void main(String[] a) throws Exception {
  byte[] in = System.in.readAllBytes(); String out;
  ObjectMapper m = new ObjectMapper();
  switch (a[0]) {
  case "jackson": out = m.writeValueAsString(m.readTree(in)); break;
  case "jackson-ascii": m.getFactory().configure(JsonGenerator.Feature.ESCAPE_NON_ASCII, true); out = m.writeValueAsString(m.readTree(in)); break;
  case "jackson-pretty": out = m.writerWithDefaultPrettyPrinter().writeValueAsString(m.readTree(in)); break;
  default: out = new GsonBuilder().serializeNulls().create().toJson(com.google.gson.JsonParser.parseString(new String(in, StandardCharsets.UTF_8)));
  }
  System.out.write(out.getBytes(StandardCharsets.UTF_8)); System.out.flush();
} }
"""

CSHARP = """
using System; using System.IO; using System.Text; using Newtonsoft.Json; using Newtonsoft.Json.Linq;
class W { static void Main(string[] a) {
  var reader = new JsonTextReader(new StreamReader(Console.OpenStandardInput(), new UTF8Encoding(false)));
  reader.DateParseHandling = DateParseHandling.None;
  var text = JToken.ReadFrom(reader).ToString(a[0] == "indented" ? Formatting.Indented : Formatting.None);
  var bytes = new UTF8Encoding(false).GetBytes(text);
  Console.OpenStandardOutput().Write(bytes, 0, bytes.Length);
} }
"""


def main():
    folder = pathlib.Path(tempfile.mkdtemp())
    jars = ":".join("/usr/share/java/%s.jar" % n for n in ("jackson-core", "jackson-databind", "jackson-annotations", "gson"))
    (folder / "W.java").write_text(JAVA)
    subprocess.run(["javac", "-cp", jars, "W.java"], check=True, cwd=folder)
    java = lambda how: lambda text: run(["java", "-Dfile.encoding=UTF-8", "-cp", ".:" + jars, "W", how], text, folder)
    (folder / "W.cs").write_text(CSHARP)
    dll = "/usr/lib/cli/Newtonsoft.Json-5.0/Newtonsoft.Json.dll"
    subprocess.run(["cp", dll, str(folder)], check=True)
    subprocess.run(["mcs", "-r:Newtonsoft.Json.dll", "W.cs"], check=True, cwd=folder)
    newtonsoft = lambda how: lambda text: run(["mono", "W.exe", how], text, folder)
    writers = {
        "python": python(), "python-compact": python(separators=(",", ":")), "python-unicode": python(ensure_ascii=False),
        "python-indent-2": python(indent=2), "python-indent-4": python(indent=4), "python-indent-tab": python(indent="\t"),
        "node": node("undefined"), "node-2": node("2"), "node-4": node("4"), "node-tab": node("'\\t'"),
        "php": php("0"), "php-slashes": php("JSON_UNESCAPED_SLASHES"), "php-unicode": php("JSON_UNESCAPED_UNICODE"),
        "php-both": php("JSON_UNESCAPED_SLASHES|JSON_UNESCAPED_UNICODE"), "php-pretty": php("JSON_PRETTY_PRINT"),
        "php-hex": php("JSON_HEX_TAG|JSON_HEX_AMP|JSON_HEX_APOS|JSON_HEX_QUOT"),
        "ruby": ruby("generate"), "ruby-pretty": ruby("pretty_generate"),
        "jackson": java("jackson"), "jackson-ascii": java("jackson-ascii"), "jackson-pretty": java("jackson-pretty"), "gson": java("gson"),
        "newtonsoft": newtonsoft("none"), "newtonsoft-indented": newtonsoft("indented"),
    }
    out = {}
    for name, text in DOCUMENTS.items():
        out[name] = {"document": text}
        for writer, write in writers.items():
            out[name][writer] = base64.b64encode(write(text).encode()).decode()
    (HERE / "writers.json").write_text(json.dumps(out, indent=1) + "\n")
    webhook = DOCUMENTS["webhook"].encode()
    gz = zlib.compressobj(6, zlib.DEFLATED, 31)
    packed = {
        "gzip": gz.compress(webhook) + gz.flush(), "zlib": zlib.compress(webhook),
        "base64": base64.b64encode(webhook), "base64url": base64.urlsafe_b64encode(webhook),
        "form": ("payload=" + __import__("urllib.parse", fromlist=["quote"]).quote_plus(webhook.decode()) + "&x=1").encode(),
        "percent": __import__("urllib.parse", fromlist=["quote"]).quote(webhook.decode()).encode(),
        "lambda": json.dumps({"version": "2.0", "rawPath": "/x", "body": webhook.decode(), "isBase64Encoded": False}).encode(),
        "lambda-base64": json.dumps({"body": base64.b64encode(webhook).decode(), "isBase64Encoded": True}).encode(),
        "sns": json.dumps({"Type": "Notification", "MessageId": "1", "Message": webhook.decode()}).encode(),
        "sqs": json.dumps({"Records": [{"messageId": "1", "body": webhook.decode()}]}).encode(),
        "latin-1-read": webhook.decode("latin-1").encode(), "cp1252-read": webhook.decode("cp1252").encode(),
        "latin-1-written": webhook.decode().encode("latin-1"), "bom": b"\xef\xbb\xbf" + webhook,
    }
    (HERE / "packed.json").write_text(json.dumps({"webhook": DOCUMENTS["webhook"], **{k: base64.b64encode(v).decode() for k, v in packed.items()}}, indent=1) + "\n")


main()
