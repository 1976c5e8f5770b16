using Berth.Abstractions;
using Berth.Images;
using CsCheck;
using Xunit;

namespace Berth.Tests.Unit.Images;

public sealed class ImageReferenceTests
{
    private const string Hex = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    [Theory]
    [InlineData("busybox", "docker.io/library/busybox:latest")]
    [InlineData("busybox:1.36", "docker.io/library/busybox:1.36")]
    [InlineData("user/app", "docker.io/user/app:latest")]
    [InlineData("index.docker.io/user/app:x", "docker.io/user/app:x")]
    [InlineData("docker.io/busybox", "docker.io/library/busybox:latest")]
    [InlineData("localhost/app", "localhost/app:latest")]
    [InlineData("localhost:5000/app", "localhost:5000/app:latest")]
    [InlineData("registry.k8s.io/e2e/a-b__c.d:v1_2", "registry.k8s.io/e2e/a-b__c.d:v1_2")]
    [InlineData("[::1]:5000/app:t", "[::1]:5000/app:t")]
    [InlineData("app@sha256:" + Hex, "docker.io/library/app@sha256:" + Hex)]
    [InlineData("r.io/app:tag@sha256:" + Hex, "r.io/app@sha256:" + Hex)]
    public void Parse_ValidReference_GivesFullName(string text, string name) => Assert.Equal(name, ImageReference.Parse(text).Name);

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("Busybox")]
    [InlineData("a//b")]
    [InlineData("/a")]
    [InlineData("a/")]
    [InlineData("../a")]
    [InlineData("r.io/../a")]
    [InlineData("a:")]
    [InlineData("a:-x")]
    [InlineData("a:b\n")]
    [InlineData("a\n")]
    [InlineData("a___b")]
    [InlineData("r_.io/a")]
    [InlineData(Hex)]
    [InlineData("a@sha256:../../x")]
    [InlineData("a@md5:d41d8cd98f00b204e9800998ecf8427e")]
    [InlineData("a@sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef")]
    [InlineData("a@sha256:" + Hex + "0")]
    [InlineData("a@sha256:" + Hex + "\n")]
    public void Parse_BadReference_IsInvalidArgument(string text)
    {
        var error = Assert.Throws<RuntimeException>(() => ImageReference.Parse(text));
        Assert.Equal(RuntimeErrorCode.InvalidArgument, error.Code);
    }

    [Fact]
    public void Parse_OwnFullName_IsTheSame()
    {
        var part = Gen.String[Gen.Char["abcxyz019"], 1, 8];
        var path = Gen.Select(part.Array[1, 4], OneOf(".", "_", "__", "-", "---"), (parts, separator) => string.Join(separator, parts));
        Gen.Select(OneOf("", "r.io/", "localhost/", "10.0.0.1:5000/", "UPPER/"), path.Array[1, 3], OneOf("", ":t", ":V1.2_3-x", "@sha256:" + Hex))
            .Sample(t =>
            {
                var first = ImageReference.Parse($"{t.Item1}{string.Join('/', t.Item2)}{t.Item3}");
                Assert.Equal(first, ImageReference.Parse(first.Name));
            });
    }

    private static Gen<string> OneOf(params string[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    [Fact]
    public void TryParse_AnyText_NeverThrows() => Gen.String[Gen.Char[" ab:/@.-_A[]%\0\n"], 0, 40].Sample(static text => ImageReference.TryParse(text));

    [Theory]
    [InlineData("", null, "")]
    [InlineData("0", 0u, "")]
    [InlineData("00", 0u, "")]
    [InlineData("1000:4294967296", 1000u, "")]
    [InlineData("nobody:nogroup", null, "nobody")]
    [InlineData("-1", null, "-1")]
    [InlineData("+0", null, "+0")]
    [InlineData("0x0", null, "0x0")]
    public void ImageUser_Value_IsNumberOrName(string user, uint? uid, string name) => Assert.Equal(new(uid, name), ImageUser.Parse(user, "image"));

    [Theory]
    [InlineData("4294967296")]
    [InlineData("2147483648")]
    [InlineData("99999999999999999999999")]
    public void ImageUser_NumberOutOfRange_IsRefused(string user)
    {
        var error = Assert.Throws<RuntimeException>(() => ImageUser.Parse(user, "image"));
        Assert.Equal(RuntimeErrorCode.InvalidArgument, error.Code);
    }
}
