using System.Text;

namespace Berth.Images.Layers;

/// <summary>The name of an entry made plain: relative, without empty parts, <c>.</c> or <c>..</c>; empty is the root.</summary>
internal readonly record struct EntryPath(byte[] Bytes)
{
    public static readonly EntryPath Root = new([]);

    public bool IsRoot => Bytes.Length == 0;

    /// <summary>The folder that it is in.</summary>
    public EntryPath Parent => Bytes.AsSpan().LastIndexOf((byte)'/') is >= 0 and var at ? new(Bytes[..at]) : Root;

    public ReadOnlySpan<byte> FileName => Bytes.AsSpan(Bytes.AsSpan().LastIndexOf((byte)'/') + 1);

    /// <summary>Takes a name as an archive has it. A leading slash is dropped, as tar(1) does.</summary>
    /// <exception cref="InvalidDataException">It climbs by <c>..</c>, or is longer than any path can be.</exception>
    public static EntryPath Parse(ReadOnlySpan<byte> name)
    {
        if (name.Length > 4096)
        {
            throw new InvalidDataException("the name is longer than 4096 bytes");
        }

        Span<byte> plain = stackalloc byte[name.Length + 1];
        var length = 0;
        while (!name.IsEmpty)
        {
            var end = name.IndexOf((byte)'/');
            var part = end < 0 ? name : name[..end];
            name = end < 0 ? [] : name[(end + 1)..];
            if (part.SequenceEqual(".."u8))
            {
                throw new InvalidDataException("the name climbs out by '..'");
            }

            if (!part.IsEmpty && !part.SequenceEqual("."u8))
            {
                part.CopyTo(plain[length..]);
                length += part.Length;
                plain[length++] = (byte)'/';
            }
        }

        return new(plain[..Math.Max(length - 1, 0)].ToArray());
    }

    public EntryPath Append(ReadOnlySpan<byte> name) => new(IsRoot ? name.ToArray() : [.. Bytes, (byte)'/', .. name]);

    public bool Equals(EntryPath other) => Bytes.AsSpan().SequenceEqual(other.Bytes);

    public override int GetHashCode()
    {
        var hash = default(HashCode);
        hash.AddBytes(Bytes);
        return hash.ToHashCode();
    }

    public override string ToString() => "/" + Encoding.UTF8.GetString(Bytes);
}
