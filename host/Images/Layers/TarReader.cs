using System.Buffers;
using System.Buffers.Text;

namespace Berth.Images.Layers;

/// <summary>
/// Reads a tar archive forwards: ustar, GNU (long names, old sparse files, binary numbers) and PAX (all records that make
/// files, sparse forms 0.0, 0.1 and 1.0). Nothing is allocated by a length that the archive claims, beyond 1 MiB.
/// </summary>
internal sealed class TarReader(Stream stream)
{
    private const int LargestMetaBytes = 1024 * 1024;

    private readonly byte[] _header = new byte[TarHeader.Size];
    private readonly PaxRecords _global = new();
    private long _remaining;
    private int _padding;

    /// <summary>The next entry, or null at the end. What was not read of the one before is skipped.</summary>
    /// <exception cref="InvalidDataException">The archive is malformed or cut off.</exception>
    public async ValueTask<TarEntry?> NextAsync(CancellationToken cancellationToken)
    {
        byte[]? longName = null, longLink = null;
        PaxRecords? pax = null;
        while (true)
        {
            await SkipAsync(_remaining + _padding, cancellationToken);
            (_remaining, _padding) = (0, 0);
            if (!await ReadHeaderAsync(cancellationToken))
            {
                return longName is null && longLink is null && pax is null ? null : throw CutOff();
            }

            switch ((char)_header[156])
            {
                case 'x' or 'X':
                    pax ??= PaxRecords.From(_global);
                    pax.Parse(await ReadMetaAsync(cancellationToken));
                    break;
                case 'g':
                    _global.Parse(await ReadMetaAsync(cancellationToken));
                    break;
                case 'L':
                    longName = (await ReadMetaAsync(cancellationToken)).AsSpan().TrimEnd((byte)0).ToArray();
                    break;
                case 'K':
                    longLink = (await ReadMetaAsync(cancellationToken)).AsSpan().TrimEnd((byte)0).ToArray();
                    break;
                default:
                    return await CompleteAsync(pax ?? _global, longName, longLink, cancellationToken);
            }
        }
    }

    /// <summary>Reads stored bytes of the current entry; 0 at their end.</summary>
    public async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        if (_remaining == 0)
        {
            return 0;
        }

        var count = await stream.ReadAsync(buffer[..(int)Math.Min(buffer.Length, _remaining)], cancellationToken);
        _remaining -= count;
        return count > 0 ? count : throw CutOff();
    }

    // The end is two blocks of zeros; one, or none at all, is taken as well, as other readers do.
    private async ValueTask<bool> ReadHeaderAsync(CancellationToken cancellationToken)
    {
        var count = await stream.ReadAtLeastAsync(_header, TarHeader.Size, throwOnEndOfStream: false, cancellationToken);
        if (count == 0 || (count == TarHeader.Size && !_header.AsSpan().ContainsAnyExcept((byte)0)))
        {
            return false;
        }

        return count < TarHeader.Size ? throw CutOff()
            : new TarHeader(_header).HasValidChecksum() ? true
            : throw new InvalidDataException("a tar header has a wrong checksum");
    }

    private async ValueTask<byte[]> ReadMetaAsync(CancellationToken cancellationToken)
    {
        var length = new TarHeader(_header).Length;
        if (length is < 0 or > LargestMetaBytes)
        {
            throw new InvalidDataException($"a tar extended header of {length} bytes is over the limit of {LargestMetaBytes}");
        }

        SetContent(length);
        var data = new byte[length];
        await FillAsync(data, cancellationToken);
        return data;
    }

    private async ValueTask<TarEntry> CompleteAsync(PaxRecords pax, byte[]? longName, byte[]? longLink, CancellationToken cancellationToken)
    {
        var entry = TarEntryBuilder.Build(_header, pax, longName, longLink);
        SetContent(entry.StoredLength);
        if (_header[156] == 'S')
        {
            return await ReadGnuSparseAsync(entry, cancellationToken);
        }

        return pax.Value("GNU.sparse.major") is not null || pax.Value("GNU.sparse.map") is not null || pax.SparseNumbers.Count > 0
            ? await ReadPaxSparseAsync(entry, pax, cancellationToken)
            : entry;
    }

    private async ValueTask<TarEntry> ReadGnuSparseAsync(TarEntry entry, CancellationToken cancellationToken)
    {
        var numbers = new List<long>();
        var header = new TarHeader(_header);
        SparseMap.AddGnuEntries(header.GnuSparseEntries, numbers);
        var (length, more, mapBytes) = (header.GnuSparseRealLength, header.GnuSparseContinues, 0);
        var block = new byte[TarHeader.Size];
        while (more)
        {
            mapBytes += TarHeader.Size;
            if (mapBytes > SparseMap.LargestMapBytes)
            {
                throw new InvalidDataException("a sparse map is over the limit of 1 MiB");
            }

            // Extension blocks stand before the content and are not part of its length: 21 entries and the flag.
            await stream.ReadExactlyOrCutOffAsync(block, cancellationToken);
            SparseMap.AddGnuEntries(block.AsSpan(0, 504), numbers);
            more = block[504] != 0;
        }

        return entry with { FileLength = length, DataRuns = SparseMap.Create(numbers, length, entry.StoredLength) };
    }

    private async ValueTask<TarEntry> ReadPaxSparseAsync(TarEntry entry, PaxRecords pax, CancellationToken cancellationToken)
    {
        var length = pax.Number("GNU.sparse.realsize") ?? pax.Number("GNU.sparse.size")
            ?? throw new InvalidDataException("a sparse file does not say its length");
        var numbers = pax.Value("GNU.sparse.map") is { } map ? SparseMap.ParseList(map)
            : pax.SparseNumbers.Count > 0 ? pax.SparseNumbers
            : await ReadSparseLinesAsync(cancellationToken);
        return entry with
        {
            Name = pax.Value("GNU.sparse.name") ?? entry.Name,
            FileLength = length,
            StoredLength = _remaining,
            DataRuns = SparseMap.Create(numbers, length, _remaining),
        };
    }

    // Form 1.0: at the head of the content, the number of entries and then each number on a line, filled up to a block.
    private async ValueTask<List<long>> ReadSparseLinesAsync(CancellationToken cancellationToken)
    {
        var numbers = new List<long>();
        var (wanted, mapBytes) = (-1L, 0);
        var (line, block) = (new ArrayBufferWriter<byte>(32), new byte[TarHeader.Size]);
        while (wanted < 0 || numbers.Count < wanted * 2)
        {
            mapBytes += block.Length;
            if (mapBytes > SparseMap.LargestMapBytes)
            {
                throw new InvalidDataException("a sparse map is over the limit of 1 MiB");
            }

            await FillAsync(block, cancellationToken);
            for (var at = 0; at < block.Length && (wanted < 0 || numbers.Count < wanted * 2); at++)
            {
                if (block[at] != '\n')
                {
                    line.Write([block[at]]);
                    continue;
                }

                var number = ParseLine(line.WrittenSpan);
                line.ResetWrittenCount();
                if (wanted < 0)
                {
                    wanted = number <= SparseMap.LargestMapBytes ? number : throw new InvalidDataException("a sparse map has too many entries");
                }
                else
                {
                    numbers.Add(number);
                }
            }
        }

        return numbers;
    }

    private static long ParseLine(ReadOnlySpan<byte> line) =>
        line.Length <= 20 && Utf8Parser.TryParse(line, out long number, out var used) && used == line.Length && number >= 0
            ? number
            : throw new InvalidDataException("a sparse map is not a list of numbers");

    private void SetContent(long length)
    {
        _remaining = length;
        _padding = (int)(-length & (TarHeader.Size - 1));
    }

    private async ValueTask FillAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        if (buffer.Length > _remaining)
        {
            throw CutOff();
        }

        await stream.ReadExactlyOrCutOffAsync(buffer, cancellationToken);
        _remaining -= buffer.Length;
    }

    private async ValueTask SkipAsync(long count, CancellationToken cancellationToken)
    {
        if (count == 0)
        {
            return;
        }

        if (stream.CanSeek)
        {
            stream.Seek(count, SeekOrigin.Current);
            return;
        }

        var buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(count, 64 * 1024));
        try
        {
            while (count > 0)
            {
                var read = await stream.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, count)), cancellationToken);
                count -= read > 0 ? read : throw CutOff();
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static InvalidDataException CutOff() => new("the archive is cut off");
}
