# What runs as the owner of our tables takes no operator from the caller's search_path.  Those that are written
# are qualified (sql/search_path.sql tries); here is seen to it that none is looked up by a clause instead.
use strict;
use warnings;
use Test::More;

# The text of each string of a file, adjacent ones joined as the compiler does.
sub texts_of
{
	my ($file) = @_;
	open(my $handle, '<', $file) or die "$file: $!";
	local $/;
	my $source = <$handle>;
	my @texts;
	$source =~ s{/\*.*?\*/}{}gs;
	while ($source =~ /((?:"(?:[^"\\]|\\.)*"(?:\s|\\\n)*)+)/g)
	{
		my $text = join('', map { s/\\(["\\])/$1/gr } $1 =~ /"((?:[^"\\]|\\.)*)"/g);
		push @texts, $text if $text =~ /\b(?:SELECT|INSERT INTO|UPDATE|DELETE FROM|FROM|JOIN|WHERE|AND|EXISTS)\b/ && $text =~ /pg_catalog|account\./;
	}
	return @texts;
}

# What in a statement looks an operator up by its name without showing it; quoted strings do not count.
sub offences
{
	my ($text) = @_;
	$text =~ s/'(?:[^']|'')*'//g;
	return $text =~ /\b(NOT IN \(|IN \(|NULLIF\(|CASE (?!WHEN\b)\S+|(?:IS NOT DISTINCT FROM|IS DISTINCT FROM|BETWEEN|I?LIKE|SIMILAR TO|OVERLAPS|NATURAL|JOIN (?:(?!\bON\b|\bJOIN\b).)* USING)\b)/g;
}

# These run as the caller, with a pinned search_path.
my %pinned = map { $_ => 1 } qw(route confinement exposure privilege drift upkeep doctor invariant draft);
my ($checked, @offenders) = (0);
foreach my $file (sort glob('src/*.c src/*.h'))
{
	my ($part) = $file =~ m{src/(\w+)\.};
	next if $pinned{$part};
	foreach my $text (texts_of($file))
	{
		$checked++;
		push @offenders, map { "$part: $_ in $text" } offences($text);
	}
}
cmp_ok($checked, '>', 200, 'the statements were found');
is(join("\n", @offenders), '', 'and none looks an operator up by a clause');
is(join(', ', offences("SELECT a IN (1), b IS DISTINCT FROM \$1, 'IN (', c = ANY (d), CASE e WHEN 1 THEN 2 END, CASE WHEN g THEN 1 END FROM account.f JOIN account.g USING (h)")),
	'IN (, IS DISTINCT FROM, CASE e, JOIN account.g USING', 'what does that is seen');
done_testing();
