using System.Buffers.Binary;

namespace Berth.Plugins.Vm;

/// <summary>How far the log of a container is: a fixed record, written over in one piece, so a kill leaves the old or the new one.</summary>
/// <param name="Inode">Of the log file.</param>
/// <param name="Size">Bytes of that file that the offsets cover.</param>
/// <param name="Stdout">Bytes of standard output in the log, since the container's start.</param>
/// <param name="Stderr">The same of standard error.</param>
internal readonly record struct LogPosition(ulong Inode, long Size, long Stdout, long Stderr)
{
    public const int Bytes = 32;

    public static LogPosition? Read(ReadOnlySpan<byte> record) => record.Length < Bytes
        ? null
        : new(BinaryPrimitives.ReadUInt64LittleEndian(record), Long(record, 8), Long(record, 16), Long(record, 24));

    public void Write(Span<byte> record)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(record, Inode);
        BinaryPrimitives.WriteInt64LittleEndian(record[8..], Size);
        BinaryPrimitives.WriteInt64LittleEndian(record[16..], Stdout);
        BinaryPrimitives.WriteInt64LittleEndian(record[24..], Stderr);
    }

    private static long Long(ReadOnlySpan<byte> record, int at) => BinaryPrimitives.ReadInt64LittleEndian(record[at..]);
}
