using System.Text.Json;
using Berth.Configuration;
using Xunit;

namespace Berth.Tests.Unit.Configuration;

public sealed class HandlerConfigMergeTests
{
    [Theory]
    [InlineData(null, null, "{}")]
    [InlineData("""{"a":1}""", null, """{"a":1}""")]
    [InlineData(null, """{"a":1}""", """{"a":1}""")]
    [InlineData("""{"a":1,"b":2}""", """{"a":"x"}""", """{"a":"x","b":2}""")]
    [InlineData("""{"path":"a"}""", """{"PATH":"b"}""", """{"path":"b"}""")]
    [InlineData("""{"o":{"a":1,"b":2}}""", """{"o":{"b":3}}""", """{"o":{"a":1,"b":3}}""")]
    [InlineData("""{"l":[1,2]}""", """{"l":[3]}""", """{"l":[3]}""")]
    [InlineData("""{"a":1}""", """{"a":null}""", """{"a":null}""")]
    public void Merge_TwoLayers_GivesTheUpperKeyByKey(string? manifest, string? configured, string expected) =>
        Assert.Equal(expected, HandlerConfigMerge.Merge(Element(manifest), Element(configured)).GetRawText());

    private static JsonElement? Element(string? json) => json is null ? null : JsonSerializer.Deserialize<JsonElement>(json);
}
