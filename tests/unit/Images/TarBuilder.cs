using System.Globalization;
using System.Text;

namespace Berth.Tests.Unit.Images;

/// <summary>Writes tar archives by hand, also such as no tool would write.</summary>
internal sealed class TarBuilder
{
    private readonly List<byte> _archive = [];

    public TarBuilder File(string name, string content = "", int mode = 0x1A4, uint uid = 0, uint gid = 0, long modified = 1_000_000) =>
        Entry('0', name, content: Encoding.UTF8.GetBytes(content), mode: mode, uid: uid, gid: gid, modified: modified);

    public TarBuilder Folder(string name, int mode = 0x1ED, uint uid = 0, long modified = 2_000_000) => Entry('5', name, mode: mode, uid: uid, modified: modified);

    public TarBuilder Symlink(string name, string target) => Entry('2', name, target);

    public TarBuilder HardLink(string name, string target) => Entry('1', name, target);

    public TarBuilder Device(string name, char type, uint major, uint minor) => Entry(type, name, major: major, minor: minor);

    public TarBuilder Pax(params (string Key, string Value)[] records) => Pax('x', records);

    public TarBuilder Pax(char type, params (string Key, string Value)[] records) =>
        Entry(type, "pax", content: Encoding.Latin1.GetBytes(string.Concat(records.Select(static r => Record(r.Key, r.Value)))));

    public TarBuilder Entry(
        char type, string name, string link = "", byte[]? content = null, int mode = 0x1A4, uint uid = 0, uint gid = 0, long modified = 0, uint major = 0, uint minor = 0)
    {
        var header = new byte[512];
        Put(header, 0, name);
        Put(header, 100, Octal(mode, 7));
        Put(header, 108, Octal(uid, 7));
        Put(header, 116, Octal(gid, 7));
        Put(header, 124, Octal(content?.Length ?? 0, 11));
        Put(header, 136, Octal(modified, 11));
        header[156] = (byte)type;
        Put(header, 157, link);
        Put(header, 257, "ustar\0" + "00");
        Put(header, 329, Octal(major, 7));
        Put(header, 337, Octal(minor, 7));
        return Raw(header, content ?? []);
    }

    /// <summary>A header as it is, with its checksum set, and its content.</summary>
    public TarBuilder Raw(byte[] header, byte[] content)
    {
        header.AsSpan(148, 8).Fill((byte)' ');
        Put(header, 148, Octal(header.Sum(static b => b), 6) + "\0 ");
        _archive.AddRange(header);
        _archive.AddRange(content);
        _archive.AddRange(new byte[(512 - (content.Length % 512)) % 512]);
        return this;
    }

    public byte[] ToArray() => [.. _archive, .. new byte[1024]];

    public static string Record(string key, string value)
    {
        var body = $" {key}={value}\n";
        var length = body.Length + 1;
        while (length != body.Length + length.ToString(CultureInfo.InvariantCulture).Length)
        {
            length++;
        }

        return length.ToString(CultureInfo.InvariantCulture) + body;
    }

    private static string Octal(long value, int digits) => Convert.ToString(value, 8).PadLeft(digits, '0');

    private static void Put(byte[] header, int offset, string text) => Encoding.Latin1.GetBytes(text).CopyTo(header, offset);
}
