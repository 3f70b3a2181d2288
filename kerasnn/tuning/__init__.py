"""Search for hyper-parameters: `kerasnn.tune`, which needs the extra ``tune``.

::

    spaces        where a hyper-parameter is looked for, as text: ``log [0.001, 0.1]``
    default_spaces  spaces of models that name none
    study         the trials, in a file that outlives the process
    trials        one trial: a training, pruned once it is clearly worse, and its time
    memory        what TensorFlow keeps of networks that are gone, freed
    report_data   what the report says of the search
    tuner         from arguments to a run
"""
