using System.Collections;
using CsCheck;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Berth.Tests.Unit.Cri;

/// <summary>Messages with random fields, most of them odd: what a hostile or broken client could send.</summary>
internal static class RandomMessages
{
    private const int MaxDepth = 6;

    private static readonly string[] Texts =
    [
        "", "a", "pod-1", "/a/b", "../../etc", "/var/../etc", "a\nb", "x\0y", "a=b", "1.2.3.4", "é€", "\ud83d\ude00", "localhost/p", "runtime/default", "rwm",
        "host name", new string('n', 300), "/" + new string('p', 5000), new string('v', 70_000),
    ];

    private static readonly long[] Numbers = [0, 1, -1, 2, 64, 65535, 65536, int.MaxValue, uint.MaxValue, long.MaxValue, long.MinValue];

    private static readonly byte[][] Bytes = [[], [0], [0x61], [0xff, 0xfe], [0xc3, 0xa9]];

    public static Gen<T> Of<T>()
        where T : IMessage, new() => Gen.Int.Select(static seed => (T)Fill(new T(), new Random(seed), 0));

    /// <summary>The message with about one field in ten made odd, so that most of the way through the checks is gone.</summary>
    public static Gen<T> Around<T>(T message)
        where T : IDeepCloneable<T>, IMessage => Gen.Int.Select(seed => (T)Disturb(message.Clone(), new Random(seed), 0));

    private static IMessage Fill(IMessage message, Random random, int depth)
    {
        foreach (var field in message.Descriptor.Fields.InDeclarationOrder().Where(_ => random.Next(3) > 0))
        {
            Set(message, field, random, depth);
        }

        return message;
    }

    private static IMessage Disturb(IMessage message, Random random, int depth)
    {
        foreach (var field in message.Descriptor.Fields.InDeclarationOrder())
        {
            if (random.Next(10) == 0)
            {
                Set(message, field, random, depth);
            }
            else if (field.Accessor.GetValue(message) is IMessage inner)
            {
                Disturb(inner, random, depth + 1);
            }
        }

        return message;
    }

    private static void Set(IMessage message, FieldDescriptor field, Random random, int depth)
    {
        switch (field.Accessor.GetValue(message))
        {
            case IDictionary map:
                var entry = field.MessageType.Fields;
                map[Value(entry[1], random, depth)!] = Value(entry[2], random, depth);
                break;
            case IList list:
                for (var count = random.Next(4); count > 0 && Value(field, random, depth) is { } value; count--)
                {
                    list.Add(value);
                }

                break;
            default:
                if (Value(field, random, depth) is { } single)
                {
                    field.Accessor.SetValue(message, single);
                }

                break;
        }
    }

    private static object? Value(FieldDescriptor field, Random random, int depth)
    {
        var number = Numbers[random.Next(Numbers.Length)];
        return field.FieldType switch
        {
            FieldType.String => Texts[random.Next(Texts.Length)],
            FieldType.Bytes => ByteString.CopyFrom(Bytes[random.Next(Bytes.Length)]),
            FieldType.Bool => random.Next(2) == 0,
            FieldType.Enum => Enum.ToObject(field.EnumType.ClrType, random.Next(-1, field.EnumType.Values.Count + 1)),
            FieldType.Int32 => unchecked((int)number),
            FieldType.UInt32 => unchecked((uint)number),
            FieldType.Int64 => number,
            FieldType.UInt64 => unchecked((ulong)number),
            FieldType.Double => (double)number,
            FieldType.Message => depth < MaxDepth ? Fill((IMessage)Activator.CreateInstance(field.MessageType.ClrType)!, random, depth + 1) : null,
            var other => throw new NotSupportedException($"{field.FullName} is {other}"),
        };
    }
}
