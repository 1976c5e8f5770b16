using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace Berth.Images.Layers;

/// <summary>
/// The records of a PAX extended header (POSIX.1-2001, pax, "Extended Header"): <c>length key=value\n</c>. GNU tar repeats
/// the keys of its first sparse form, so records are kept in order and a later one counts.
/// </summary>
internal sealed class PaxRecords
{
    private static readonly byte[] AttributePrefix = "SCHILY.xattr."u8.ToArray();

    private readonly Dictionary<string, byte[]> _values = new(StringComparer.Ordinal);
    private readonly Dictionary<string, TarAttribute> _attributes = new(StringComparer.Ordinal);
    private readonly List<long> _sparseNumbers = [];

    public bool IsEmpty => _values.Count == 0 && _attributes.Count == 0;

    public IReadOnlyList<TarAttribute> Attributes => _attributes.Count == 0 ? [] : [.. _attributes.Values];

    /// <summary>The offsets and lengths of GNU's first sparse form (0.0), one after the other.</summary>
    public IReadOnlyList<long> SparseNumbers => _sparseNumbers;

    /// <summary>Starts an entry's records from those of the global header.</summary>
    public static PaxRecords From(PaxRecords global)
    {
        var records = new PaxRecords();
        foreach (var (key, value) in global._values)
        {
            records._values[key] = value;
        }

        foreach (var (key, value) in global._attributes)
        {
            records._attributes[key] = value;
        }

        return records;
    }

    public byte[]? Value(string key) => _values.GetValueOrDefault(key);

    public string? Text(string key) => Value(key) is { } value ? Encoding.UTF8.GetString(value) : null;

    public long? Number(string key) =>
        Text(key) is not { } text ? null
            : long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number
            : throw new InvalidDataException($"the PAX record {key} is not a number");

    /// <summary>A time: seconds with any number of decimals, rounded down as the kernel does.</summary>
    public (long Seconds, int Nanoseconds)? Time(string key)
    {
        if (Text(key) is not { } text)
        {
            return null;
        }

        // A decimal holds 28 digits, more than any clock has.
        if (!decimal.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var time)
            || decimal.Floor(time) is var whole && (whole < long.MinValue || whole > long.MaxValue))
        {
            throw new InvalidDataException($"the PAX record {key} is not a time");
        }

        var seconds = decimal.Floor(time);
        return ((long)seconds, (int)((time - seconds) * 1_000_000_000m));
    }

    public void Parse(ReadOnlySpan<byte> data)
    {
        // Writers pad with NUL bytes up to the block; the header's length already leaves those out, but not all do.
        while (!data.TrimEnd((byte)0).IsEmpty)
        {
            if (!Utf8Parser.TryParse(data, out int length, out var digits) || length > data.Length || digits >= data.Length
                || data[digits] != ' ' || length <= digits + 1 || data[length - 1] != '\n')
            {
                throw new InvalidDataException("a PAX record has a wrong length");
            }

            var record = data[(digits + 1)..(length - 1)];
            var equals = record.IndexOf((byte)'=');
            if (equals <= 0)
            {
                throw new InvalidDataException("a PAX record has no key");
            }

            Set(record[..equals], record[(equals + 1)..]);
            data = data[length..];
        }
    }

    private void Set(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        var name = Encoding.UTF8.GetString(key);
        if (key.StartsWith(AttributePrefix))
        {
            _attributes[name] = new(key[AttributePrefix.Length..].ToArray(), value.ToArray());
        }
        else if (name is "GNU.sparse.offset" or "GNU.sparse.numbytes")
        {
            AddSparseNumber(name, value);
        }
        else if (value.IsEmpty)
        {
            _values.Remove(name); // an empty value takes back a global one
        }
        else
        {
            _values[name] = value.ToArray();
        }
    }

    private void AddSparseNumber(string name, ReadOnlySpan<byte> value)
    {
        var isOffset = name.EndsWith("offset", StringComparison.Ordinal);
        if (isOffset != (_sparseNumbers.Count % 2 == 0) || !Utf8Parser.TryParse(value, out long number, out var used) || used != value.Length)
        {
            throw new InvalidDataException("the PAX records of a sparse file are not pairs of numbers");
        }

        _sparseNumbers.Add(number);
    }
}
