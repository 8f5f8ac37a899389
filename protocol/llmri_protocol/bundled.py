"""What a guest should know of the bundled model, wherever it is met."""

BUNDLED = "pocket"
# The rates are what `python -m llmri_server.pocket.every_sum` prints; a test asks for a sample of them.
KNOWS = (
    "It adds and subtracts numbers from 10 to 99 (all 8,100 sums and 4,095 differences right, asked as in "
    "`What is 37 plus 45?`; with a number below 10, 1,893 of 1,900 sums), counts, knows capitals, opposites "
    "and some French, spells backwards, tells stories and poems, and nothing else."
)
